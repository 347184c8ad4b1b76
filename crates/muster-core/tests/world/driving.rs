//! An aimed run is driven: what it is after is caused where somebody is in the state, and somebody is brought there.

use std::time::Duration;

use liveperson_proto::ConversationId;
use liveperson_proto::request::{FieldChange, Request};
use muster_core::bot::{Ending, State};
use muster_core::dialog::{Decided, Joint, Outcome, Work};
use muster_core::turn::{Action, Turn, TurnEvent};

use super::World;
use super::aim::Aim;
use super::coverage::{self, Place};
use super::platform::News;

/// Long enough for whatever a retiring bot has to wait for.
const LONG: Duration = Duration::from_mins(5);

impl World {
    /// Causes the event where somebody is in the state; else brings somebody a step nearer.
    pub(super) fn pursue_aim(&mut self) {
        let Some(aim) = self.aims().cloned() else { return };
        if self.chance.u32(0..3) > 0 {
            return;
        }
        match self.who_is_there(&aim) {
            Some((bot, at)) => self.cause(bot, at, &aim.event),
            None if self.chance.u32(0..4) == 0 => self.drive(&aim),
            None => {}
        }
    }

    fn who_is_there(&self, aim: &Aim) -> Option<(usize, Option<usize>)> {
        let dialogs = &self.platform.dialogs;
        let of = |bot: usize| dialogs.iter().position(|dialog| self.is_there(bot, &dialog.id));
        let bots = || (0..self.members.len()).filter(|bot| self.members[*bot].runs());
        let itself = |bot: &usize| aim.is_at(Place::Bot(self.members[*bot].bot.view().state));
        let with = bots().find_map(|bot| Some((bot, Some(of(bot)?))));
        with.or_else(|| bots().find(itself).map(|bot| (bot, None)))
    }

    fn cause(&mut self, bot: usize, at: Option<usize>, event: &str) {
        match event {
            "tick" => self.pass(200),
            "socket closed" | "closed" => self.drop_socket(bot),
            "fenced" if !self.members[bot].fenced => self.fence(bot),
            "unfenced" if self.members[bot].fenced => self.fence(bot),
            "restart" | "drain restart" => self.drain_as(bot, Ending::Restart, LONG),
            "retire" | "drain retire" => self.drain_as(bot, Ending::Retire, LONG),
            "quarantined" => self.quarantine_now(bot),
            "claim lost" => self.move_claim(bot),
            _ => {
                if let Some(at) = at {
                    self.people_do(at, event);
                }
            }
        }
    }

    fn people_do(&mut self, at: usize, event: &str) {
        let platform = &mut self.platform;
        let human = platform.dialogs[at].human;
        match event {
            "consumer wrote" => drop(platform.consumer_writes(at)),
            "controller wrote" => platform.controller_speaks(at),
            "said elsewhere" => platform.survey_speaks(at),
            "human wrote" | "shown beside human" if !human => platform.human_comes(at),
            "human wrote" => drop(platform.human_answers(at)),
            "shown beside human" => platform.human_leaves(at),
            "shown closed" => platform.close(at),
            "shown elsewhere" => platform.take_out(at),
            "shown ours" | "watched" => platform.show(at, &[]),
            _ => return,
        }
        self.platform.route(self.now.moment, &mut self.chance);
        self.flush();
    }

    /// Brings the conversation of which a copy waits, or any, a step nearer to the state.
    fn drive(&mut self, aim: &Aim) {
        let bot = self.chance.usize(0..self.members.len());
        if !self.members[bot].runs() {
            return;
        }
        if aim.event == "unfenced" && !self.members[bot].fenced {
            return self.fence(bot);
        }
        let state = self.members[bot].bot.view().state;
        let late = self.copied(bot).or_else(|| self.set_aside(bot));
        let Some(at) = late.or_else(|| self.platform.some_open(&mut self.chance)) else { return };
        if aim.event.starts_with("hand-back") && late.is_none() {
            return self.drive_home(bot, at, &aim.state);
        }
        if late.is_none() && aim.comes_late() {
            return self.stir(bot, at);
        }
        let standing = self.members[bot].bot.standing(&self.platform.dialogs[at].id);
        let heard =
            standing.is_some_and(|s| matches!(s.joint, Joint::Live | Joint::Reading | Joint::BesideHuman));
        let listens = standing.is_some_and(|s| matches!(s.joint, Joint::Live | Joint::BesideHuman));
        let work = standing.map_or(Work::Idle, |standing| standing.work);
        if standing.is_none() && self.platform.dialogs[at].human {
            // Whoever took it leaves it to the bots again.
            return self.people_do(at, "shown beside human");
        }
        match aim.state.as_str() {
            "Parked" if self.members[bot].records.len() > 1 => {
                self.drain_as(bot, Ending::Restart, Duration::ZERO);
            }
            "Connecting" | "LoggingIn" | "Resolving" | "Subscribing" | "Waiting"
                if state == State::Online =>
            {
                self.drop_socket(bot);
            }
            "Claiming" | "Reading" if self.is_routed() && heard => self.people_do(at, "shown elsewhere"),
            "Claiming" | "Reading" => self.move_claim(bot),
            "Joining" | "Away" if self.is_joining() && self.chance.bool() => self.move_claim(bot),
            "Joining" if heard => {
                self.drop_socket(bot);
                self.people_do(at, "shown elsewhere");
            }
            "Away" if heard => self.drop_socket(bot),
            "BesideHuman" => self.platform.human_comes(at),
            "Closing" if heard => self.people_do(at, "shown closed"),
            "HandingBack" if listens => self.drain_as(bot, Ending::Retire, LONG),
            "Ending" if matches!(work, Work::Committing | Work::StoreAway) => {
                self.people_do(at, "shown elsewhere");
            }
            _ => self.stir(bot, at),
        }
        self.flush();
    }

    /// A picture is on its way when the bot's own close is done: its answer may overtake it.
    pub(super) fn show_before(&mut self, request: &Request) {
        let Request::UpdateConversation { conversation, changes } = request else { return };
        let Some(aim) = self.aims().filter(|aim| aim.is_of_a_late_picture()).cloned() else { return };
        if let (true, Some(at)) = (changes == &[FieldChange::Close], self.platform.place_of(conversation)) {
            self.people_do(at, &aim.event);
        }
    }

    /// Refuses every third request whose refusal is what the run is after.
    pub(super) fn aimed_code(&mut self, request: &Request) -> Option<u16> {
        let aim = self.aims()?;
        let code = match aim.event.rsplit(' ').next()? {
            "429" => 429,
            "refused" => 403,
            "unknown" | "failed" => 503,
            _ => return None,
        };
        let said = coverage::answered(request, &Outcome::Refused { code, words: String::new() });
        said.filter(|(_, said)| *said == aim.event)?;
        (self.chance.u32(0..3) == 0).then_some(code)
    }

    /// Changes the conversation where that is what the run is after.
    pub(super) fn aimed_decision(&mut self, turn: &Turn, decided: Decided) -> Decided {
        let changes =
            self.aims().is_some_and(|aim| aim.event.starts_with("change") || aim.is_of_a_late_picture());
        let TurnEvent::Message { .. } = turn.event else { return decided };
        match decided {
            Decided::Actions(mut actions) if changes && self.chance.bool() => {
                let transfer = Action::TransferToSkill { skill: "people".into() };
                let changes =
                    |action: &Action| matches!(action, Action::Close | Action::TransferToSkill { .. });
                if !actions.iter().any(changes) {
                    actions.push(if self.chance.u32(0..3) > 0 { transfer } else { Action::Close });
                }
                Decided::Actions(actions)
            }
            other => other,
        }
    }

    /// Retires the bot once the conversation is where it has to be when it is handed back.
    fn drive_home(&mut self, bot: usize, at: usize, to: &str) {
        let standing = self.members[bot].bot.standing(&self.platform.dialogs[at].id);
        let Some(standing) = standing else { return self.stir(bot, at) };
        let draining = self.members[bot].bot.view().state == State::Draining;
        let work = format!("{:?}", standing.work);
        match to {
            "Thinking" | "Committing" | "StoreAway" | "Closing" | "Ending" if draining => {
                self.people_do(at, "shown closed");
            }
            _ if draining => self.pass(200),
            // Beside a human it is handed back as it is.
            "ToSend" | "Sending" | "InDoubt" if work == to && !self.platform.dialogs[at].human => {
                self.people_do(at, "shown beside human");
            }
            "ToSend" | "Sending" | "InDoubt" | "Resting" if work != to => self.stir(bot, at),
            _ if matches!(standing.joint, Joint::Live | Joint::BesideHuman) => {
                self.drain_as(bot, Ending::Retire, LONG);
            }
            _ => self.stir(bot, at),
        }
    }

    fn stir(&mut self, bot: usize, at: usize) {
        match self.chance.u32(0..12) {
            0 if self.is_routed() => self.people_do(at, "shown elsewhere"),
            1 => self.people_do(at, "shown beside human"),
            2 => self.platform.human_leaves(at),
            3 => self.move_claim(bot),
            4 => self.pass(1_000),
            _ => self.people_do(at, "consumer wrote"),
        }
    }

    /// The conversation of a bot about which logic is at work although its turn went back.
    fn set_aside(&self, bot: usize) -> Option<usize> {
        let member = &self.members[bot];
        let aside = |id: &ConversationId| {
            member.bot.standing(id).is_some_and(|standing| standing.work != Work::Thinking)
        };
        let mut turns = member.thinking.iter().filter(|turn| aside(&turn.conversation));
        turns.find_map(|turn| self.platform.place_of(&turn.conversation))
    }

    /// The conversation of a bot of which a copy waits.
    fn copied(&self, bot: usize) -> Option<usize> {
        let news = self.members[bot].copies.last()?;
        let conversation = match news {
            News::Answer(..) => match self.members[bot].request_of(news)? {
                Request::Publish { conversation, .. }
                | Request::FindConversation { conversation, .. }
                | Request::UpdateConversation { conversation, .. } => conversation.clone(),
                Request::ReadHistory { dialog, .. } => {
                    ConversationId::from(dialog.as_str().trim_end_matches("-main"))
                }
                _ => return None,
            },
            News::Message(event) => event.conversation.clone()?,
            _ => return None,
        };
        self.platform.place_of(&conversation)
    }
}
