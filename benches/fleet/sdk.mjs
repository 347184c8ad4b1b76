// The vendor's SDK as a fleet: one process, no store, one `Agent` a bot, written as the SDK's own README shows.
// Answers each message with its text and says that it has read it, as muster's logic `echo` does.
//
// node sdk.mjs FLEET.json    with [{"account", "username", "password", "csdsDomain"}]
// VENDOR_SDK names the folder whose node_modules hold the SDK.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.VENDOR_SDK}/package.json`);
const { Agent } = require('node-agent-sdk');
const { version } = require('node-agent-sdk/package.json');

/** How many logins are under way at once; muster's own lifted budget. */
const AT_ONCE = 64;

let online = 0;

function start({ account, username, password, csdsDomain }, ready) {
    const agent = new Agent({ accountId: account, username, password, csdsDomain });
    const subscribed = new Set();
    const failed = (problem) => problem && console.error(`${account}/${username}: ${JSON.stringify(problem)}`);
    agent.on('error', (error) => failed({ message: error.message, code: error.code }));
    agent.on('closed', () => agent.reconnect());
    agent.on('connected', () => {
        agent.setAgentState({ availability: 'ONLINE' }, failed);
        agent.subscribeRoutingTasks({}, failed);
        agent.subscribeExConversations({ agentIds: [agent.agentId], convState: ['OPEN'] }, (refused) => {
            failed(refused);
            online += 1;
            ready();
        });
    });
    agent.on('routing.RoutingTaskNotification', ({ changes }) => {
        for (const { ringId, ringState } of changes.flatMap(({ result }) => result.ringsDetails)) {
            if (ringState === 'WAITING') agent.updateRingState({ ringId, ringState: 'ACCEPTED' }, failed);
        }
    });
    agent.on('cqm.ExConversationChangeNotification', ({ changes }) => {
        for (const { type, result } of changes) {
            if (type !== 'UPSERT' || subscribed.has(result.convId)) continue;
            subscribed.add(result.convId);
            // -1, or the SDK leaves the first message out.
            agent.subscribeMessagingEvents({ dialogId: result.convId, fromSeq: -1 }, failed);
        }
    });
    const handled = new Map();
    agent.on('ms.MessagingEventNotification', ({ dialogId, changes }) => {
        for (const { sequence, event, originatorMetadata, __isMe } of changes) {
            if (__isMe || event.type !== 'ContentEvent' || originatorMetadata.role !== 'CONSUMER') continue;
            if (sequence <= (handled.get(dialogId) ?? -1)) continue;
            handled.set(dialogId, sequence);
            const say = { type: 'ContentEvent', contentType: 'text/plain', message: event.message };
            agent.publishEvent({ dialogId, event: say }, failed);
            const read = { type: 'AcceptStatusEvent', status: 'READ', sequenceList: [sequence] };
            agent.publishEvent({ dialogId, event: read }, failed);
        }
    });
}

const waiting = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const next = () => {
    const bot = waiting.shift();
    if (bot) start(bot, next);
};

const server = createServer((_, response) => response.end(`muster_bots{state="online"} ${online}\n`));
server.listen(0, '127.0.0.1', () => {
    console.log(`store  none, node-agent-sdk ${version}, node ${process.version}`);
    console.log(`listening  http://127.0.0.1:${server.address().port}/`);
    for (let n = 0; n < AT_ONCE; n += 1) next();
});
