// Logins and their tokens, as the vendor's SDK lives through them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { newBot } from './platform.mjs';
import { agentOf, ask, Traffic } from './sdk.mjs';

const LIMIT = { timeout: 60_000 };
/** Short enough for a test, and long enough that the SDK is never disposed of in the middle of a refresh. */
const OFTEN = 400;

test('a wrong password is an error, and the process lives to log in with the right one', LIMIT, async (t) => {
    const bot = await newBot();
    const wrong = agentOf(t, bot, { password: 'guessed' });
    const error = await wrong.heard.next('error');
    assert.ok(error instanceof Error);
    assert.equal(wrong.agent.connected, undefined);

    const right = agentOf(t, bot);
    await right.heard.next('connected');
    const { logins, logins_refused: refused } = await bot.cost();
    assert.deepEqual({ logins, refused }, { logins: 1, refused: 1 });
    assert.deepEqual(wrong.heard.rest, []);
});

test('app keys log in by the same call', LIMIT, async (t) => {
    const keys = { appKey: 'key', secret: 'secret', accessToken: 'token', accessTokenSecret: 'of the token' };
    const dummies = { appKey: 'client', secret: 'secret', accessToken: 'dummy', accessTokenSecret: 'dummy' };
    for (const [credential, options] of [
        [
            { kind: 'key', app_key: 'key', secret: 'secret', access_token: 'token', access_token_secret: 'of the token' },
            keys,
        ],
        [{ kind: 'client', client_id: 'client', client_secret: 'secret' }, dummies],
    ]) {
        const bot = await newBot();
        await bot.logsInWith(credential);
        const { agent, heard } = agentOf(t, bot, { password: undefined, ...options });
        await heard.next('connected');
        assert.equal(agent.__oldAgentId, bot.oldId);
        assert.deepEqual((await bot.cost()).logins_by_kind, { [credential.kind]: 1 });
    }
});

test('a SAML assertion logs in without a user name', LIMIT, async (t) => {
    const bot = await newBot();
    await bot.logsInWith({ kind: 'assertion', assertion: 'YXNzZXJ0aW9u' });
    const options = { username: undefined, password: undefined, assertion: 'YXNzZXJ0aW9u' };
    const { agent, heard } = agentOf(t, bot, options);
    await heard.next('connected');
    assert.equal(agent.__oldAgentId, bot.oldId);
});

test('a bearer token from another login opens a socket without a login', LIMIT, async (t) => {
    const bot = await newBot();
    const first = agentOf(t, bot);
    await first.heard.next('connected');
    const options = { username: undefined, password: undefined, token: first.agent.token, userId: bot.userId };
    const { agent, heard } = agentOf(t, bot, options);
    await heard.next('connected');
    // On this path the SDK sends no brand id; the account in the URL stands for it.
    assert.equal((await ask(agent, 'subscribeRoutingTasks', {})).code, 200);
    assert.equal((await bot.cost()).logins, 1);
});

test('the session is refreshed again and again, and the socket lives on', LIMIT, async (t) => {
    const bot = await newBot();
    const traffic = new Traffic(bot.account);
    const { agent, heard } = agentOf(t, bot, { refreshSessionInterval: OFTEN });
    await heard.next('connected');
    const refreshed = `POST /api/account/${bot.account}/refresh?v=1.3 200`;
    for (let n = 0; n < 3; n += 1) await traffic.until(refreshed);
    assert.equal((await ask(agent, 'getClock', {})).code, 200);
    const { logins, refreshes, sockets_opened: sockets } = await bot.cost();
    assert.deepEqual({ logins, refreshes, sockets }, { logins: 1, refreshes: 3, sockets: 1 });
    await heard.next('.GetClock$Response');
    assert.deepEqual(heard.rest, []);
});

test('a second login ends the first token: its refresh is error 401, and it opens no socket', LIMIT, async (t) => {
    const bot = await newBot();
    const first = agentOf(t, bot, { refreshSessionInterval: OFTEN });
    await first.heard.next('connected');
    const second = agentOf(t, bot);
    await second.heard.next('connected');

    const error = await first.heard.next('error');
    assert.deepEqual([error.code, error.message], [401, 'session unauthorized']);
    assert.equal((await ask(first.agent, 'getClock', {})).code, 200, 'an open socket outlives its token');

    first.agent.reconnect(true);
    const refused = await first.heard.until('error');
    assert.match(refused.message, /401/);
    assert.equal((await ask(second.agent, 'getClock', {})).code, 200);
    assert.equal((await bot.cost()).sockets_opened, 2);
});
