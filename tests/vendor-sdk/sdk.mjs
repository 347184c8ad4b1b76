// The vendor's SDK as it was published, and ways to wait for what it says.

import diagnostics from 'node:diagnostics_channel';
import { createRequire } from 'node:module';

import { host } from './platform.mjs';

const require = createRequire(`${process.env.VENDOR_SDK}/package.json`);

const { Agent } = require('node-agent-sdk');
export const { version } = require('node-agent-sdk/package.json');

/** The bound of every wait; a test that fails is the only one to spend it. */
const PATIENCE = 10_000;

const EVENTS = [
    'connected', 'closed', 'error', 'warn',
    'cqm.ExConversationChangeNotification', 'ms.MessagingEventNotification',
    'routing.RoutingTaskNotification', 'routing.AgentStateNotification',
    '.ReqBody$StringResp', '.GetClock$Response', 'GenericSubscribeResponse',
    '.ams.GenericSubscribe$Response', '.ams.aam.SubscribeExConversations$Response',
    '.ams.ms.PublishEvent$Response', '.ams.userprofile.GetUserProfile$Response',
];

/** A list that grows, and can be waited for. */
class Tape {
    #entries = [];
    #waiting = new Set();

    push(entry) {
        this.#entries.push(entry);
        this.#waiting.forEach((look) => look());
    }

    /** All that nobody took yet. */
    get rest() {
        return this.#entries;
    }

    /** Takes the first entry, which must come within the bound. */
    take() {
        return this.#wait('anything', () => this.#entries.shift());
    }

    /** Takes the first entry that fits, and leaves the others. */
    takeWhere(what, fits) {
        return this.#wait(what, () => {
            const place = this.#entries.findIndex(fits);
            return place < 0 ? undefined : this.#entries.splice(place, 1)[0];
        });
    }

    #wait(what, find) {
        return new Promise((resolve, reject) => {
            const look = () => {
                const found = find();
                if (found === undefined) return;
                done();
                resolve(found);
            };
            const bound = setTimeout(() => {
                done();
                const instead = this.#entries.map((entry) => entry.name).join(', ') || 'nothing';
                reject(new Error(`waited for ${what}, and there was: ${instead}`));
            }, PATIENCE);
            const done = () => {
                clearTimeout(bound);
                this.#waiting.delete(look);
            };
            this.#waiting.add(look);
            look();
        });
    }
}

/** Everything one SDK object emits, in order. */
export class Heard extends Tape {
    constructor(agent) {
        super();
        for (const name of EVENTS) {
            agent.on(name, (body) => this.push({ name, body }));
        }
    }

    /** The next event, which must have this name; resolves with what came along. */
    async next(name) {
        const entry = await this.take();
        if (entry.name !== name) {
            throw new Error(`${name} should have come next, but it was ${entry.name}`, { cause: entry.body });
        }
        return entry.body;
    }

    /** The first event of this name, whatever comes before it. */
    async until(name, fits = () => true) {
        const entry = await this.takeWhere(name, (one) => one.name === name && fits(one.body));
        return entry.body;
    }
}

/** What the SDKs of this process ask over HTTP: `METHOD path`, and the status once there is one. */
export class Traffic extends Tape {
    #account;

    constructor(account) {
        super();
        this.#account = account;
        diagnostics.subscribe('http.client.request.start', ({ request }) => this.#note(request, ''));
        diagnostics.subscribe('http.client.response.finish', ({ request, response }) =>
            this.#note(request, ` ${response.statusCode}`));
    }

    #note(request, status) {
        if (request.path.includes(`/account/${this.#account}/`)) {
            this.push({ name: `${request.method} ${request.path}${status}` });
        }
    }

    /** Waits for a line, whatever comes before it. */
    until(line) {
        return this.takeWhere(line, (one) => one.name === line);
    }
}

/** Lets the SDK connect as this bot; it is disposed of with the test. */
export function agentOf(t, bot, options = {}) {
    const agent = new Agent({
        accountId: bot.account,
        username: bot.login,
        password: bot.password,
        csdsDomain: host,
        errorCheckInterval: 100,
        ...options,
    });
    const heard = new Heard(agent);
    t.after(() => {
        agent.dispose();
        // A login or refresh on its way brings a disposed SDK back to life, with a timer that keeps the
        // process up, and it dies of errors that nobody hears.
        agent._init = agent._refreshSession = () => {};
        agent.on('error', () => {});
    });
    return { agent, heard };
}

/** Makes one request; resolves with code and body of the answer. */
export function ask(agent, method, ...args) {
    return new Promise((resolve, reject) => {
        const { transport } = agent;
        let id;
        let code;
        // The SDK tells its callers no code, so it is read off the frame.
        const look = (frame) => {
            if (frame.kind === 'resp' && frame.reqId === id) code = frame.code;
        };
        transport.prependListener('message', look);
        agent.once('message:sent', (request) => {
            id = request.id;
        });
        agent[method](...args, (refused, body) => {
            transport.removeListener('message', look);
            if (refused instanceof Error) reject(refused);
            else if (refused) reject(new Error(`${method}: ${refused.code} ${refused.body}`));
            else resolve({ code, body });
        });
    });
}
