//! Surveys: a second dialog after the main one, asked by the platform and answered by the consumer.

use std::time::{Duration, Instant};

use liveperson_proto::{AccountId, ConversationId, DialogId};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::conversations::{Closing, Event, Facts, Participant, Role};
use super::publishing::DISTRIBUTION;
use super::timers::Timer;
use super::{World, shapes, wall};

/// How long a consumer thinks about the question.
const PAUSE: Duration = Duration::from_millis(100);
const SUFFIX: &str = "-survey";

/// The survey of a conversation whose main dialog is closed.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    pub(super) dialog: DialogId,
    /// The consumer, the survey's own bot, and as readers who was there before.
    pub(super) participants: Vec<Participant>,
    pub(super) opened: i64,
    pub(super) closing: Option<Closing>,
    /// One question, one answer.
    pub(super) history: Vec<Event>,
}

impl Facts {
    /// Whether any dialog is open.
    pub(super) fn is_staged(&self) -> bool {
        self.is_open() || self.survey.as_ref().is_some_and(|survey| survey.closing.is_none())
    }

    /// A survey follows the main dialog.
    pub(super) fn open_survey(&mut self) {
        let readers =
            self.participants.iter().filter(|one| one.role == Role::AssignedAgent && !one.suggested);
        let readers = readers.map(|one| Participant { role: Role::Reader, ..one.clone() });
        let consumer = self.holder(Role::Consumer).cloned();
        let bot = format!("{}.survey-bot", self.account);
        let bot = Participant { id: bot.clone(), pid: bot, role: Role::Agent, suggested: false };
        self.survey = Some(Survey {
            dialog: DialogId::from(format!("{}{SUFFIX}", self.id)),
            participants: consumer.into_iter().chain([bot]).chain(readers).collect(),
            opened: wall(),
            closing: None,
            history: Vec::new(),
        });
    }
}

/// The conversation that a dialog belongs to; a survey's dialog says so in its name.
pub(super) fn conversation_of(dialog: &DialogId) -> ConversationId {
    ConversationId::new(dialog.as_str().strip_suffix(SUFFIX).unwrap_or(dialog.as_str()))
}

impl World {
    /// The survey of that dialog's conversation, if the dialog is one.
    pub(super) fn survey_of(&self, account: &AccountId, dialog: &DialogId) -> Option<(&Facts, &Survey)> {
        let id = self.conversation_of(account, dialog)?;
        let facts = &self.conversations.get(&id)?.facts;
        let survey = facts.survey.as_ref().filter(|survey| survey.dialog == *dialog)?;
        Some((facts, survey))
    }

    /// The survey's bot asks, if there is a survey; the consumer will answer.
    pub(super) fn survey_begins(&mut self, id: &ConversationId) {
        if self.conversations.get(id).is_none_or(|one| one.facts.survey.is_none()) {
            return;
        }
        self.say_in_survey(id, Role::Agent, "How did we do, from 1 to 5?");
        self.timers.add(Instant::now() + PAUSE, Timer::SurveyGoesOn { conversation: id.clone() });
    }

    /// The consumer answers, and with that the whole conversation is over.
    pub(super) fn survey_goes_on(&mut self, id: &ConversationId) {
        self.say_in_survey(id, Role::Consumer, "5");
        let Some(mut facts) = self.conversations.get(id).map(|one| one.facts.clone()) else { return };
        let Some(survey) = facts.survey.as_mut() else { return };
        survey.closing =
            Some(Closing { by: "SYSTEM".to_owned(), cause: "Survey completed".to_owned(), at: wall() });
        self.commit(facts);
    }

    fn say_in_survey(&mut self, id: &ConversationId, role: Role, text: &str) {
        let Some(conversation) = self.conversations.get_mut(id) else { return };
        let Some(survey) = conversation.facts.survey.as_mut() else { return };
        let Some(originator) = survey.participants.iter().find(|one| one.role == role).cloned() else {
            return;
        };
        let event = Event {
            sequence: survey.history.len() as i64,
            originator,
            at: wall(),
            content: json!({"type": "ContentEvent", "contentType": "text/plain", "message": text}),
            for_all: true,
            metadata: Value::Null,
        };
        survey.history.push(event.clone());
        self.deliver_survey(id, &event);
        self.stir();
    }

    fn deliver_survey(&mut self, id: &ConversationId, event: &Event) {
        let Some(facts) = self.conversations.get(id).map(|one| &one.facts) else { return };
        let Some(survey) = facts.survey.as_ref() else { return };
        let shape = shapes::event_in(facts, &survey.dialog, event, true);
        let frame = Utf8Bytes::from(shapes::notification(DISTRIBUTION, &shape));
        let users = survey.participants.iter().filter_map(|one| self.users.get(&one.id.as_str().into()));
        for socket in users.flat_map(|user| &user.sockets) {
            self.outbox.push((*socket, frame.clone().into()));
        }
    }
}
