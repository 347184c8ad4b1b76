// A bot on the vendor's SDK that works as the vendor's own sample agent does: it takes every ring, greets,
// repeats what it hears, says that it has read it, and leaves on a word.

export const GOODBYE = 'bye';
export const greeting = (name) => `Hello ${name}!`;
export const echo = (text) => `You said: ${text}`;

export class AgentBot {
    #agent;
    /** Dialogs by id: what was handled there outlives the socket, what was loaded does not. */
    #dialogs = new Map();

    constructor(agent) {
        this.#agent = agent;
        agent.on('connected', () => this.#connected());
        agent.on('closed', () => agent.reconnect());
        agent.on('routing.RoutingTaskNotification', ({ changes }) => this.#ringing(changes));
        agent.on('cqm.ExConversationChangeNotification', ({ changes }) => changes.forEach((one) => this.#changed(one)));
        agent.on('ms.MessagingEventNotification', ({ dialogId, changes }) => this.#heard(dialogId, changes));
    }

    #connected() {
        for (const dialog of this.#dialogs.values()) {
            dialog.loaded = false;
            dialog.asked = false;
        }
        this.#ask('setAgentState', { availability: 'ONLINE' });
        this.#ask('subscribeExConversations', { agentIds: [this.#agent.agentId], convState: ['OPEN'] });
        this.#ask('subscribeRoutingTasks', {});
    }

    #ringing(changes) {
        const rings = changes.flatMap(({ result }) => result.ringsDetails);
        for (const { ringId } of rings.filter((ring) => ring.ringState === 'WAITING')) {
            this.#ask('updateRingState', { ringId, ringState: 'ACCEPTED' });
        }
    }

    #changed({ type, result }) {
        if (type === 'DELETE') {
            this.#dialogs.delete(result.convId);
            return;
        }
        const dialog = this.#dialog(result.convId);
        if (dialog.asked) return;
        dialog.asked = true;
        const consumer = result.conversationDetails.participants.find((one) => one.role === 'CONSUMER');
        this.#ask('getUserProfile', consumer.id, (profile) => {
            dialog.consumer = profile.find((sde) => sde.type === 'personal').personal.firstname;
        });
        // -1, or the SDK leaves the first message out.
        this.#ask('subscribeMessagingEvents', { dialogId: dialog.id, fromSeq: -1 }, () => {
            dialog.loaded = true;
            this.#greet(dialog);
            this.#work(dialog);
        });
    }

    #heard(dialogId, changes) {
        const dialog = this.#dialog(dialogId);
        for (const change of changes) {
            // Chat states have no sequence, and no answer.
            if (change.sequence === undefined || change.event.type !== 'ContentEvent') continue;
            if (change.__isMe) dialog.greeted = true;
            else if (!dialog.handled.has(change.sequence)) dialog.waiting.set(change.sequence, change.event.message);
        }
        this.#work(dialog);
    }

    /** Answers in order; what comes live before the history is there has to wait for it. */
    #work(dialog) {
        if (!dialog.loaded) return;
        const inOrder = [...dialog.waiting].sort(([one], [other]) => one - other);
        dialog.waiting.clear();
        for (const [sequence, text] of inOrder) {
            dialog.handled.add(sequence);
            this.#answer(dialog, sequence, text);
        }
    }

    #greet(dialog) {
        if (dialog.greeted) return;
        dialog.greeted = true;
        this.#say(dialog, greeting(dialog.consumer));
    }

    #answer(dialog, sequence, text) {
        this.#say(dialog, echo(text));
        const event = { type: 'AcceptStatusEvent', status: 'READ', sequenceList: [sequence] };
        this.#ask('publishEvent', { dialogId: dialog.id, event }, () => {
            if (text.startsWith(GOODBYE)) this.#leave(dialog);
        });
    }

    #leave(dialog) {
        const close = { field: 'ConversationStateField', conversationState: 'CLOSE' };
        this.#ask('updateConversationField', { conversationId: dialog.id, conversationField: [close] });
    }

    #say(dialog, message) {
        const event = { type: 'ContentEvent', contentType: 'text/plain', message };
        this.#ask('publishEvent', { dialogId: dialog.id, event });
    }

    #dialog(id) {
        if (!this.#dialogs.has(id)) {
            this.#dialogs.set(id, {
                id, consumer: '', asked: false, loaded: false, greeted: false, waiting: new Map(), handled: new Set(),
            });
        }
        return this.#dialogs.get(id);
    }

    #ask(method, body, then = () => {}) {
        this.#agent[method](body, (refused, answer) => {
            if (refused) this.#agent.emit('warn', { method, refused });
            else then(answer);
        });
    }
}
