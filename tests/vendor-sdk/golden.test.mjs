// The golden transcript: every step of a conversation, as the vendor's SDK shows it to a bot.

import assert from 'node:assert/strict';
import test from 'node:test';

import { newBot } from './platform.mjs';
import { agentOf, ask, Traffic, version } from './sdk.mjs';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LIMIT = { timeout: 60_000 };

const CONVERSATIONS = 'cqm.ExConversationChangeNotification';
const MESSAGES = 'ms.MessagingEventNotification';
const ROUTING = 'routing.RoutingTaskNotification';

test('the SDK is the published 1.2.0', () => assert.equal(version, '1.2.0'));

test('the golden transcript plays step by step', LIMIT, async (t) => {
    const bot = await newBot();
    const traffic = new Traffic(bot.account);
    const { agent, heard } = agentOf(t, bot);
    const says = (message, dialogId) =>
        ask(agent, 'publishEvent', { dialogId, event: { type: 'ContentEvent', contentType: 'text/plain', message } });
    // What follows a broken step would only fail because of it.
    let broken = false;
    const step = (sentence, play) => t.test(sentence, { skip: broken }, async () => {
        broken = `after: ${sentence}`;
        await play();
        broken = false;
    });
    let ada;
    let ring;
    let conversation;
    let consumer;

    await step('it finds the services, logs in and opens its socket', async () => {
        await heard.next('connected');
        const account = `/api/account/${bot.account}`;
        await traffic.until(`GET ${account}/service/baseURI.json?version=1.0 200`);
        await traffic.until(`POST ${account}/login?v=1.3 200`);
        const socket = traffic.rest.find((one) => one.name.startsWith('GET /ws_api/')).name;
        assert.match(socket, new RegExp(`^GET /ws_api/account/${bot.account}/messaging/brand/[^/?]+\\?v=2\\.1$`));
        assert.match(agent.agentId, UUID);
        assert.equal(agent.__oldAgentId, bot.oldId);
        assert.ok(agent.csrf);
    });

    await step('its state becomes ONLINE with code 202', async () => {
        const answer = await ask(agent, 'setAgentState', { availability: 'ONLINE' });
        assert.deepEqual(answer, { code: 202, body: 'Agent state updated successfully' });
        await heard.next('.ReqBody$StringResp');
    });

    await step('its own conversations are none yet, told after the answer', async () => {
        const query = { agentIds: [agent.agentId], convState: ['OPEN'] };
        const answer = await ask(agent, 'subscribeExConversations', query);
        assert.deepEqual(answer, { code: 200, body: { subscriptionId: 's-1' } });
        await heard.next('.ams.aam.SubscribeExConversations$Response');
        const { subscriptionId, changes } = await heard.next(CONVERSATIONS);
        assert.deepEqual({ subscriptionId, changes }, { subscriptionId: 's-1', changes: [] });
    });

    await step('its rings are none yet, told after the answer', async () => {
        const answer = await ask(agent, 'subscribeRoutingTasks', {});
        assert.deepEqual(answer, { code: 200, body: { subscriptionId: 's-2' } });
        await heard.next('.ams.GenericSubscribe$Response');
        assert.deepEqual(await heard.next(ROUTING), { subscriptionId: 's-2', changes: [] });
    });

    await step('a new conversation rings', async () => {
        ada = bot.consumer('Ada');
        conversation = await ada.opens('hi');
        const { subscriptionId, changes: [{ type, result }] } = await heard.next(ROUTING);
        const { consumerId, ringsDetails: [{ ringId, ringExpirationTs, weight }] } = result;
        assert.equal(subscriptionId, 's-2');
        assert.equal(type, 'UPSERT');
        assert.deepEqual(result, {
            taskCompleted: false, conversationId: conversation, consumerId, skillId: '-1',
            ringsDetails: [{ ringId, ringState: 'WAITING', ringExpiration: 72_000, ringExpirationTs, weight }],
        });
        assert.ok(ringId.startsWith(`${conversation}_${bot.account}_`));
        assert.ok(ringExpirationTs > Date.now());
        assert.ok(consumerId && weight > 0);
        ring = ringId;
        consumer = consumerId;
    });

    await step('accepting the ring with code 202 makes it the assigned agent', async () => {
        const answer = await ask(agent, 'updateRingState', { ringId: ring, ringState: 'ACCEPTED' });
        assert.deepEqual(answer, { code: 202, body: 'Ring state updated successfully' });
        await heard.next('.ReqBody$StringResp');

        const { result: task } = (await heard.next(ROUTING)).changes[0];
        assert.equal(task.taskCompleted, true);
        assert.equal(task.ringsDetails[0].ringState, 'ACCEPTED');

        const { type, result } = (await heard.next(CONVERSATIONS)).changes[0];
        const details = result.conversationDetails;
        assert.equal(type, 'UPSERT');
        assert.equal(result.convId, conversation);
        assert.equal(result.lastContentEventNotification.event.message, 'hi');
        assert.deepEqual(byRole(details.participants), { CONSUMER: [consumer], ASSIGNED_AGENT: [agent.agentId] });
        assert.equal(details.getMyRole(), 'ASSIGNED_AGENT');
        assert.deepEqual([details.state, details.stage, details.skillId], ['OPEN', 'OPEN', '-1']);
        assert.deepEqual(shapeOf(details.dialogs), [{
            dialogId: conversation, dialogType: 'MAIN', channelType: 'MESSAGING', state: 'OPEN',
            participantsDetails: [
                { id: consumer, role: 'CONSUMER', state: 'ACTIVE' },
                { id: agent.agentId, role: 'ASSIGNED_AGENT', state: 'ACTIVE' },
            ],
        }]);
        for (const gone of ['participantsPId', 'convId', 'brandId', 'groupId', 'note', 'csatRate']) {
            assert.ok(!(gone in details), gone);
        }
        assert.ok(!('lastUpdateTime' in result) && !('numberOfunreadMessages' in result));
    });

    await step("the consumer's profile is a list of engagement attributes", async () => {
        const { code, body } = await ask(agent, 'getUserProfile', consumer);
        assert.deepEqual({ code, body }, { code: 200, body: [{ type: 'personal', personal: { firstname: 'Ada' } }] });
        await heard.next('.ams.userprofile.GetUserProfile$Response');
    });

    await step('history leaves out the first message unless it is asked for', async () => {
        const empty = await ask(agent, 'subscribeMessagingEvents', { dialogId: conversation });
        assert.deepEqual(empty, { code: 200, body: undefined });
        await heard.next('GenericSubscribeResponse');

        const answer = await ask(agent, 'subscribeMessagingEvents', { dialogId: conversation, fromSeq: -1 });
        assert.deepEqual(answer, { code: 200, body: undefined });
        const { dialogId, changes } = await heard.next(MESSAGES);
        await heard.next('GenericSubscribeResponse');
        assert.equal(dialogId, conversation);
        assert.equal(changes.length, 1);
        const [first] = changes;
        assert.deepEqual([first.sequence, first.originatorId, first.__isMe], [0, consumer, false]);
        assert.deepEqual(first.event, { type: 'ContentEvent', contentType: 'text/plain', message: 'hi' });
        assert.equal(first.originatorMetadata.role, 'CONSUMER');
        assert.ok(!('originatorPId' in first));
    });

    await step('its greeting is answered with a sequence and comes back as its own', async () => {
        assert.deepEqual(await says('Hi Ada!', conversation), { code: 200, body: { sequence: 1 } });
        await heard.next('.ams.ms.PublishEvent$Response');
        const { dialogId, changes: [own] } = await heard.next(MESSAGES);
        assert.equal(dialogId, conversation);
        assert.deepEqual([own.sequence, own.originatorId, own.isMe()], [1, agent.agentId, true]);
        assert.equal(own.event.message, 'Hi Ada!');
        assert.equal(own.messageAudience, 'ALL');
        assert.ok(!('originatorPId' in own));
        const { result } = (await heard.next(CONVERSATIONS)).changes[0];
        assert.equal(result.lastContentEventNotification.originatorPId, agent.agentId);
    });

    await step("the consumer's words arrive without a subscription", async () => {
        assert.equal(await ada.says('how are you?'), 2);
        const { changes: [theirs] } = await heard.next(MESSAGES);
        assert.deepEqual([theirs.sequence, theirs.originatorId, theirs.isMe()], [2, consumer, false]);
        assert.equal(theirs.event.message, 'how are you?');
        await heard.next(CONVERSATIONS);
    });

    await step('its answer and its READ receipt take a sequence each', async () => {
        assert.deepEqual((await says('fine', conversation)).body, { sequence: 3 });
        await heard.next('.ams.ms.PublishEvent$Response');
        await heard.next(MESSAGES);
        await heard.next(CONVERSATIONS);

        const event = { type: 'AcceptStatusEvent', status: 'READ', sequenceList: [2] };
        const answer = await ask(agent, 'publishEvent', { dialogId: conversation, event });
        assert.deepEqual(answer, { code: 200, body: { sequence: 4 } });
        await heard.next('.ams.ms.PublishEvent$Response');
        const { changes: [receipt] } = await heard.next(MESSAGES);
        assert.deepEqual([receipt.sequence, receipt.isMe(), receipt.event], [4, true, event]);
    });

    await step('history tells its own words from the others', async () => {
        await ask(agent, 'subscribeMessagingEvents', { dialogId: conversation, fromSeq: -1 });
        const { changes } = await heard.next(MESSAGES);
        await heard.next('GenericSubscribeResponse');
        assert.deepEqual(changes.map((one) => [one.sequence, one.isMe()]),
            [[0, false], [1, true], [2, false], [3, true], [4, true]]);
    });

    await step('a chat state has neither a sequence nor a time', async () => {
        const event = { type: 'ChatStateEvent', chatState: 'COMPOSING' };
        const answer = await ask(agent, 'publishEvent', { dialogId: conversation, event });
        assert.deepEqual(answer, { code: 200, body: { sequence: 0 } });
        await heard.next('.ams.ms.PublishEvent$Response');
        const { changes: [state] } = await heard.next(MESSAGES);
        assert.ok(!('sequence' in state) && !('serverTimestamp' in state));
    });

    await step('closing is answered and told as a DELETE with the whole conversation', async () => {
        const conversationField = [{ field: 'ConversationStateField', conversationState: 'CLOSE' }];
        const answer = await ask(agent, 'updateConversationField', { conversationId: conversation, conversationField });
        assert.deepEqual(answer, { code: 200, body: 'OK Conversation resolved successfully' });
        await heard.next('.ReqBody$StringResp');
        const { type, result } = (await heard.next(CONVERSATIONS)).changes[0];
        const details = result.conversationDetails;
        assert.equal(type, 'DELETE');
        assert.equal(result.convId, conversation);
        assert.deepEqual([details.state, details.stage, details.closeReason], ['CLOSE', 'CLOSE', 'AGENT']);
        assert.deepEqual(byRole(details.participants), { CONSUMER: [consumer], ASSIGNED_AGENT: [agent.agentId] });
        assert.equal(details.dialogs[0].state, 'CLOSE');
        assert.ok(details.endTs >= details.startTs);
    });

    await step('a refused request is a string with a code, and the socket lives on', async () => {
        const event = { type: 'ContentEvent', contentType: 'text/plain', message: 'too late' };
        await assert.rejects(ask(agent, 'publishEvent', { dialogId: conversation, event }), /publishEvent: 400 /);
        await heard.next('.ReqBody$StringResp');
        const { body } = await ask(agent, 'getClock', {});
        assert.equal(typeof body.currentTime, 'number');
        await heard.next('.GetClock$Response');
    });

    await step('the consumer heard what was said, and nothing else happened', async () => {
        assert.deepEqual(await ada.hears(2), ['Hi Ada!', 'fine']);
        assert.equal((await ada.conversation()).state, 'CLOSE');
        assert.deepEqual(heard.rest, []);
    });
});

test("an agent's state is told when it is asked for and when it changes", LIMIT, async (t) => {
    const { agent, heard } = agentOf(t, await newBot());
    await heard.next('connected');
    await ask(agent, 'subscribeAgentsState', {});
    const stateOf = ({ changes: [{ type, result }] }) => ({ type, ...result });
    const state = { type: 'UPSERT', channels: ['MESSAGING'], availability: 'OFFLINE', description: '' };
    assert.deepEqual(stateOf(await heard.until('routing.AgentStateNotification')), state);
    await ask(agent, 'setAgentState', { availability: 'AWAY', description: 'lunch' });
    assert.deepEqual(stateOf(await heard.until('routing.AgentStateNotification')),
        { ...state, availability: 'AWAY', description: 'lunch' });
});

/** Who takes part; the order of roles means nothing. */
function byRole(participants) {
    const roles = {};
    for (const { id, role } of participants) (roles[role] ??= []).push(id);
    return roles;
}

/** Dialogs without what differs from run to run. */
function shapeOf(dialogs) {
    return dialogs.map(({ dialogId, dialogType, channelType, state, participantsDetails }) =>
        ({ dialogId, dialogType, channelType, state, participantsDetails }));
}
