//! Events out again: `QueryMessages` and `SubscribeMessagingEvents`.

use liveperson_proto::{DialogId, Sequence};
use serde_json::{Value, json};

use super::requests::{Caller, Outcome};
use super::{World, shapes};
use crate::settings::HistoryKeeps;

impl World {
    pub(super) fn query_messages(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let dialog = body["dialogId"].as_str().ok_or((400, "dialogId is missing"))?;
        let newer = body["newerThanSequence"].as_i64().unwrap_or(Sequence::START.0);
        let older = body["olderThanSequence"].as_i64().unwrap_or(i64::MAX);
        let most = body["maxQuantity"].as_u64().map_or(usize::MAX, |most| most as usize);
        let dialog = DialogId::new(dialog);
        let events = self.events_of(caller, &dialog, newer, older, most)?;
        self.count_history_read(caller, &dialog);
        Ok((200, Value::Array(events)))
    }

    /// The documented consumer form, taken on brand sockets too; the live part comes to participants anyway.
    pub(super) fn subscribe_messages(&mut self, caller: &Caller, body: &Value) -> Outcome {
        let dialog = DialogId::new(body["dialogId"].as_str().ok_or((400, "dialogId is missing"))?);
        let from = body["fromSeq"].as_i64().unwrap_or(0);
        let events = self.events_of(caller, &dialog, from - 1, i64::MAX, usize::MAX)?;
        self.count_history_read(caller, &dialog);
        let id = caller.socket.ok_or((400, "No socket"))?;
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.dialogs.insert(dialog.clone());
        }
        let note = json!({"dialogId": dialog, "changes": events});
        self.send(id, shapes::notification("ms.MessagingEventNotification", &note));
        Ok((200, json!({})))
    }

    fn events_of(
        &self,
        caller: &Caller,
        dialog: &DialogId,
        newer: i64,
        older: i64,
        most: usize,
    ) -> Result<Vec<Value>, (u16, &'static str)> {
        if let Some((facts, survey)) = self.survey_of(&caller.account, dialog) {
            let wanted =
                survey.history.iter().filter(|event| event.sequence > newer && event.sequence < older);
            return Ok(wanted.map(|event| shapes::event_in(facts, dialog, event, true)).collect());
        }
        let id = self.conversation_of(&caller.account, dialog).ok_or((400, "Unknown dialog"))?;
        let conversation = &self.conversations[&id];
        let wanted: Vec<_> = conversation
            .history
            .iter()
            .filter(|event| event.sequence > newer && event.sequence < older)
            .collect();
        let most = most.min(self.settings.history_page);
        let page = match self.settings.history_keeps {
            HistoryKeeps::Newest => &wanted[wanted.len().saturating_sub(most)..],
            HistoryKeeps::Oldest => &wanted[..most.min(wanted.len())],
        };
        let with_metadata = self.settings.metadata_in_history;
        Ok(page.iter().map(|event| shapes::event(&conversation.facts, event, with_metadata)).collect())
    }

    fn count_history_read(&mut self, caller: &Caller, dialog: &DialogId) {
        let Some(socket) = caller.socket else { return };
        let login = self.login_of(&caller.agent).to_owned();
        self.counters.history_read(&caller.account, &login, socket.0, dialog);
    }
}
