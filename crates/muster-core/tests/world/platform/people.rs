//! What consumers and humans of the brand do.

use liveperson_proto::message::{MessageEvent, Role};
use liveperson_proto::{ConversationId, DialogId, Sequence};

use super::Platform;
use super::dialog::{Dialog, text};
use crate::world::HUMAN;

/// Open conversations at one time.
const OPEN: usize = 6;
/// Conversations in one run.
const MANY: usize = 60;

impl Platform {
    pub(crate) fn some_open(&self, chance: &mut fastrand::Rng) -> Option<usize> {
        let open: Vec<_> = (0..self.dialogs.len()).filter(|at| self.dialogs[*at].open).collect();
        chance.choice(open)
    }

    pub(crate) fn consumer_opens(&mut self, own_dialog: bool) -> Option<usize> {
        let open = self.dialogs.iter().filter(|dialog| dialog.open).count();
        if open >= OPEN || self.dialogs.len() >= MANY {
            return None;
        }
        let id = ConversationId::from(format!("C{}", self.dialogs.len()));
        let main = if own_dialog { DialogId::from(format!("{id}-main")) } else { id.main_dialog() };
        self.dialogs.push(Dialog::new(id, main));
        self.show(self.dialogs.len() - 1, &[]);
        Some(self.dialogs.len() - 1)
    }

    pub(crate) fn consumer_writes(&mut self, at: usize) -> Sequence {
        let n = self.dialogs[at].events.len();
        self.add(at, ("cons", "cons", Role::Consumer), text(&format!("m{n}")), Vec::new())
    }

    /// A controller speaks: it takes a sequence and is owed nothing.
    pub(crate) fn controller_speaks(&mut self, at: usize) {
        self.add(at, ("sys", "sys", Role::Controller), text("a controller speaks"), Vec::new());
    }

    /// A message of a survey, which is another dialog of the same conversation.
    pub(crate) fn survey_speaks(&mut self, at: usize) {
        let dialog = &self.dialogs[at];
        let event = MessageEvent {
            sequence: Some(Sequence(dialog.events.len() as i64 + 3)),
            dialog: DialogId::from(format!("{}-survey", dialog.id)),
            conversation: Some(dialog.id.clone()),
            originator: "cons".to_owned(),
            originator_pid: "cons".to_owned(),
            role: Role::Consumer,
            at: None,
            private: false,
            external_ids: Vec::new(),
            body: text("five stars"),
        };
        self.tell_participants(at, &event);
    }

    /// Somebody becomes the assigned agent; what the platform routes is taken from its bot.
    pub(crate) fn human_comes(&mut self, at: usize) {
        let role = self.role();
        let dialog = &mut self.dialogs[at];
        if std::mem::replace(&mut dialog.human, true) {
            return;
        }
        let before: Vec<_> = dialog.bots.iter().copied().collect();
        dialog.offer = None;
        if role == Role::AssignedAgent {
            dialog.bots.clear();
        }
        self.show(at, &before);
    }

    pub(crate) fn human_leaves(&mut self, at: usize) {
        if std::mem::take(&mut self.dialogs[at].human) {
            self.show(at, &[]);
        }
    }

    /// Returns what is answered by it, if anything.
    pub(crate) fn human_answers(&mut self, at: usize) -> Vec<Sequence> {
        let owed = self.dialogs[at].unanswered();
        if !owed.is_empty() {
            self.add(at, (HUMAN, HUMAN, Role::AssignedAgent), text("a human answers"), Vec::new());
        }
        owed
    }

    /// Somebody takes the bots out of it.
    pub(crate) fn take_out(&mut self, at: usize) {
        let before: Vec<_> = std::mem::take(&mut self.dialogs[at].bots).into_iter().collect();
        if !before.is_empty() {
            self.show(at, &before);
        }
    }
}
