// The simulated platform, told what to do over its control listener.

import { randomInt } from 'node:crypto';

const CONTROL = process.env.LPSIM_CONTROL;

async function ask(method, path, body) {
    const answer = await fetch(CONTROL + path, { method, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) {
        throw new Error(`${path}: ${answer.status} ${text}`);
    }
    return JSON.parse(text);
}

const get = (path) => ask('GET', path);
const post = (path, body) => ask('POST', path, body);

/** `localhost:port`, which the SDK takes for the domain of the service directory. */
export const host = (await get('/place')).host;

/** What became of every consumer message so far; it is one ledger for all accounts. */
export const ledger = () => get('/ledger');

/** Waits until every message is answered and nothing is in flight; says what is otherwise. */
export const settled = () => get('/settled?within_ms=10000');

/** A new account with one bot user, so that no test sees another's conversations. */
export async function newBot() {
    const account = String(randomInt(10_000_000, 99_999_999));
    const bot = { login: 'bot', password: `of-${account}`, user_id: '1234567890' };
    await post('/bots', { account, capacity: 10, skills: [], ...bot });
    return new Bot(account, bot);
}

class Bot {
    constructor(account, { login, password, user_id: userId }) {
        Object.assign(this, { account, login, password, userId });
    }

    /** The agent id of requests and raw notifications. */
    get oldId() {
        return `${this.account}.${this.userId}`;
    }

    consumer(name) {
        return new Consumer(this.account, name);
    }

    /** From now on it logs in with this and nothing else. */
    logsInWith(credential) {
        return post('/credentials', { account: this.account, login: this.login, credential });
    }

    /** Its sockets are closed with this code; the token lives on. */
    closeSocket(code) {
        return post('/fault/close-socket', { account: this.account, login: this.login, code });
    }

    /** Its token is dead, and its sockets are closed with 4401. */
    revokeToken() {
        return post('/fault/revoke-token', { account: this.account, login: this.login, how: 'close4401' });
    }

    /** What this bot cost the platform. */
    async cost() {
        const all = await get('/counters');
        const mine = (one) => one.account === this.account && one.login === this.login;
        return {
            ...all.identities.find(mine),
            subscriptions: all.subscriptions.filter(mine),
            historyReads: all.history_reads.filter(mine),
        };
    }
}

class Consumer {
    constructor(account, name) {
        Object.assign(this, { account, name });
    }

    #does(what, more) {
        return post(`/consumer/${what}`, { account: this.account, name: this.name, ...more });
    }

    /** Opens a conversation by saying something; resolves with the conversation's id. */
    async opens(text) {
        return (await this.#does('opens', { text })).conversation;
    }

    /** Says something; resolves with its place in the dialog. */
    async says(text) {
        return (await this.#does('says', { text })).sequence;
    }

    /** Resolves with all texts heard so far once they are `n`. */
    async hears(n) {
        return (await this.#does('hears', { n, within_ms: 10_000 })).texts;
    }

    /** Its latest conversation. */
    async conversation() {
        return (await this.#does('heard')).conversation;
    }
}

/** Events published by brands in the dialog. */
export async function publishesIn(dialog) {
    const counted = (await get('/counters')).publishes.find((one) => one.dialog === dialog);
    return counted?.count ?? 0;
}
