// An agent bot on the vendor's SDK serves consumers, and the platform's ledger is the judge.
// Only this file lets consumers say words that the ledger judges, for there is one ledger for all accounts.

import assert from 'node:assert/strict';
import test from 'node:test';

import { AgentBot, GOODBYE, echo, greeting } from './agent-bot.mjs';
import { ledger, newBot, publishesIn, settled } from './platform.mjs';
import { agentOf } from './sdk.mjs';

const LIMIT = { timeout: 60_000 };
const CONVERSATIONS = 'cqm.ExConversationChangeNotification';

let said = 0;

/** A text that the ledger judges. */
function word(text) {
    said += 1;
    return `${text} m-${process.pid}-${said}`;
}

/** Everything said so far was answered once, in time and in order. */
async function assertClean() {
    await settled();
    const { sent, once, never, more_than_once: twice, late, out_of_order: disorder, waiting, details } = await ledger();
    assert.deepEqual(details, []);
    assert.deepEqual({ sent, once, never, twice, late, disorder, waiting },
        { sent: said, once: said, never: 0, twice: 0, late: 0, disorder: 0, waiting: 0 });
}

async function serve(t) {
    const bot = await newBot();
    const { agent, heard } = agentOf(t, bot);
    new AgentBot(agent);
    await heard.until('connected');
    return { bot, heard };
}

test('an agent bot takes rings, greets, echoes, reads, and closes on a word', LIMIT, async (t) => {
    const { bot, heard } = await serve(t);
    const [ada, ben] = [bot.consumer('Ada'), bot.consumer('Ben')];
    const [first, second, last, other] = [word('hello'), word('and more'), word(GOODBYE), word('me too')];

    const conversation = await ada.opens(first);
    await ben.opens(other);
    assert.deepEqual(await ada.hears(2), [greeting('Ada'), echo(first)]);
    assert.deepEqual(await ben.hears(2), [greeting('Ben'), echo(other)]);
    assert.equal((await ada.conversation()).assigned, bot.login);

    const sequences = [0, await ada.says(second), await ada.says(last)];
    assert.deepEqual(await ada.hears(4), [greeting('Ada'), echo(first), echo(second), echo(last)]);
    await heard.until(CONVERSATIONS, ({ changes }) =>
        changes.some(({ type, result }) => type === 'DELETE' && result.convId === conversation));
    assert.equal((await ada.conversation()).state, 'CLOSE');
    assert.equal((await ben.conversation()).state, 'OPEN');

    await assertClean();
    assert.deepEqual(receipts(heard, conversation), sequences.map((one) => ['READ', [one]]));
    assert.equal(await publishesIn(conversation), 1 + 2 * sequences.length, 'a greeting, and two events a message');
    assertQuiet(heard);
});

test('messages said in one breath are answered once each, in order', LIMIT, async (t) => {
    const { bot, heard } = await serve(t);
    const ada = bot.consumer('Ada');
    const texts = Array.from({ length: 20 }, (_, n) => word(`word ${n}`));
    await ada.opens(texts[0]);
    for (const text of texts.slice(1)) await ada.says(text);
    assert.deepEqual((await ada.hears(21)).slice(1), texts.map(echo));
    await assertClean();
    assertQuiet(heard);
});

for (const [code, sentence, strike] of [
    [4401, 'close code 4401 for a dead token', (bot) => bot.revokeToken()],
    [4407, 'close code 4407', (bot) => bot.closeSocket(4407)],
]) {
    test(`${sentence} arrives as closed, and the bot logs in anew and goes on`, LIMIT, async (t) => {
        const { bot, heard } = await serve(t);
        const [ada, ben] = [bot.consumer('Ada'), bot.consumer('Ben')];
        await ada.opens(word('before'));
        await ada.hears(2);
        await settled();

        await strike(bot);
        const meanwhile = word('meanwhile');
        await ada.says(meanwhile);
        assert.equal(await heard.until('closed'), code);
        await heard.until('connected');
        assert.equal((await ada.hears(3))[2], echo(meanwhile));

        await ben.opens(word('after'));
        await ben.hears(2);
        await ada.says(word('still there?'));
        await ada.hears(4);
        await assertClean();

        const { logins, sockets_opened, sockets_at_once, sockets_per_login } = await bot.cost();
        assert.deepEqual({ logins, sockets_opened, sockets_at_once, sockets_per_login },
            { logins: 2, sockets_opened: 2, sockets_at_once: 1, sockets_per_login: 1 });
        assertQuiet(heard);
    });
}

test('each dialog is read once on each socket, and each socket subscribes once', LIMIT, async (t) => {
    const { bot, heard } = await serve(t);
    const consumers = ['Ada', 'Ben', 'Cleo'].map((name) => bot.consumer(name));
    for (const one of consumers) {
        await one.opens(word('one'));
        await one.says(word('two'));
        await one.hears(3);
    }
    await bot.closeSocket(4407);
    await heard.until('closed');
    await heard.until('connected');
    for (const one of consumers) {
        await one.says(word('three'));
        await one.hears(4);
    }
    await assertClean();

    const { historyReads, subscriptions } = await bot.cost();
    assert.deepEqual(historyReads.map((one) => one.reads), [1, 1, 1, 1, 1, 1]);
    assert.equal(new Set(historyReads.map((one) => `${one.socket} ${one.dialog}`)).size, 6);
    assert.deepEqual(subscriptions.map((one) => `${one.kind} ${one.count}`).sort(),
        ['ExConversations 1', 'ExConversations 1', 'RoutingTasks 1', 'RoutingTasks 1']);
    assertQuiet(heard);
});

/** The receipts the platform sent back to the bot for one dialog. */
function receipts(heard, dialog) {
    const changes = heard.rest.filter((one) => one.name === 'ms.MessagingEventNotification' && one.body.dialogId === dialog)
        .flatMap((one) => one.body.changes);
    return changes.filter((one) => one.event.type === 'AcceptStatusEvent')
        .map((one) => [one.event.status, one.event.sequenceList]);
}

/** Neither the SDK nor the bot has anything to complain of. */
function assertQuiet(heard) {
    assert.deepEqual(heard.rest.filter((one) => ['error', 'warn', 'closed'].includes(one.name)), []);
}
