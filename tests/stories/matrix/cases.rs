//! The table: what goes wrong, and what may come of it.

use std::time::Duration;

use liveperson_sim::settings::Revocation;
use liveperson_sim::{Aim, Fault, Order, SocketEnd, Swap, Trouble};

use super::crashes::Intake;
use crate::inside::ACCOUNTS;

/// What may come of a case, beside a delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing: each message is answered once and in order.
    Clean,
    /// Messages whose answers the platform refused for good: dead letters, counted apart by the ledger.
    DeadLetters,
    /// Messages that were owed in a conversation when it was closed, counted apart by the ledger.
    CutOff,
}

/// One case: orders that stand for a while, and what follows them.
pub(super) struct Case {
    pub(super) name: String,
    /// The fault whose effect counter has to move.
    pub(super) fault: &'static str,
    pub(super) orders: Vec<Order>,
    /// What brings the fault about where nothing else does: at once after the orders.
    pub(super) then: Vec<Order>,
    /// What has to follow for the fault to be noticed, once it took effect.
    pub(super) after: Vec<Order>,
    pub(super) verdict: Verdict,
    /// Only bots with this intake meet it.
    pub(super) only: Option<Intake>,
}

const PUBLISH: &str = "ms.PublishEvent";
const HISTORY: &str = "ms.QueryMessages";
const EVENTS: &str = "ms.OnlineEventDistribution";
const CONVERSATIONS: &str = "cqm.ExConversationChangeNotification";
const FIELDS: &str = "cm.UpdateConversationField";
const RINGS: &str = "routing.UpdateRingState";

/// Requests that a bot makes at each connect.
const AT_CONNECT: [&str; 4] =
    ["aam.SubscribeExConversations", "routing.SubscribeRoutingTasks", "routing.SetAgentState", "GetClock"];

/// The codes of error answers, and what each does to a reply.
const REFUSALS: [u16; 7] = [400, 401, 403, 404, 429, 500, 503];

const MOMENT: Duration = Duration::from_millis(600);

fn here() -> Aim {
    Aim::account(ACCOUNTS[0])
}

fn on(request: &str) -> Aim {
    here().request(request)
}

fn drop_all() -> Order {
    Order::of(Fault::DropSocket { how: SocketEnd::Close(1006) }).at(here())
}

fn revoke_all() -> Order {
    Order::of(Fault::RevokeToken { how: Revocation::Close4401 }).at(here())
}

impl Case {
    fn of(name: impl Into<String>, order: Order) -> Self {
        Self {
            name: name.into(),
            fault: order.fault.name(),
            orders: vec![order],
            then: Vec::new(),
            after: Vec::new(),
            verdict: Verdict::Clean,
            only: None,
        }
    }

    fn brought_about_by(mut self, order: Order) -> Self {
        self.then.push(order);
        self
    }

    fn followed_by(mut self, order: Order) -> Self {
        self.after.push(order);
        self
    }

    fn ends(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }

    fn only(self, intake: Intake) -> Self {
        Self { only: Some(intake), ..self }
    }
}

/// Every case but the platform's switches, in the order of a message's way.
pub(super) fn all() -> Vec<Case> {
    let parts = [sockets(), logins(), requests(), refusals(), notifications(), frames(), conversations()];
    parts.into_iter().flatten().collect()
}

fn sockets() -> Vec<Case> {
    let drop = |name: String, how| Case::of(name, Order::of(Fault::DropSocket { how }).at(here()));
    let mut cases = vec![
        drop("drop-reset".to_owned(), SocketEnd::Reset),
        drop("drop-half-open".to_owned(), SocketEnd::HalfOpen),
    ];
    for code in [1000, 1001, 1006, 1008, 1011, 4401, 4407] {
        cases.push(drop(format!("drop-{code}"), SocketEnd::Close(code)));
    }
    let in_mid_publish = Order::of(Fault::DropSocket { how: SocketEnd::Reset }).at(on(PUBLISH)).times(4);
    cases.push(Case::of("drop-in-place-of-an-answer", in_mid_publish));
    cases.push(Case::of("stall", Order::of(Fault::Stall).at(here()).lasting(MOMENT * 4)));
    let slow = Fault::SlowSocket { bytes_per_second: 4000 };
    cases.push(Case::of("slow-socket", Order::of(slow).at(here()).lasting(MOMENT)));
    cases
}

fn logins() -> Vec<Case> {
    let mut cases = Vec::new();
    let troubles = [
        ("429", Trouble::Status { status: 429, retry_after: Some(1) }),
        ("500", Trouble::status(500)),
        ("503", Trouble::status(503)),
        ("silence", Trouble::Silence),
        ("rubbish", Trouble::Rubbish),
    ];
    for (name, how) in troubles {
        let login = Order::of(Fault::LoginFault { how }).at(here()).times(2);
        cases.push(Case::of(format!("login-{name}"), login).brought_about_by(revoke_all()));
        let upgrade = Order::of(Fault::UpgradeFault { how }).at(here()).times(2);
        cases.push(Case::of(format!("upgrade-{name}"), upgrade).brought_about_by(drop_all()));
        let refresh = Order::of(Fault::RefreshFault { how }).at(here()).times(2);
        cases.push(Case::of(format!("refresh-{name}"), refresh));
        let domain = Order::of(Fault::DomainFault { how }).times(2);
        cases.push(Case::of(format!("domain-{name}"), domain).brought_about_by(revoke_all()));
    }
    for status in [401, 403] {
        let upgrade = Order::of(Fault::UpgradeFault { how: Trouble::status(status) }).at(here()).times(1);
        cases.push(Case::of(format!("upgrade-{status}"), upgrade).brought_about_by(drop_all()));
        let refresh = Order::of(Fault::RefreshFault { how: Trouble::status(status) }).at(here()).times(2);
        cases.push(Case::of(format!("refresh-{status}"), refresh));
    }
    for (name, how) in
        [("4401", Revocation::Close4401), ("1006", Revocation::Drop1006), ("silent", Revocation::Silent)]
    {
        let revoke = Order::of(Fault::RevokeToken { how }).at(here());
        let revoked = Case::of(format!("revoked-token-{name}"), revoke);
        // Nobody hears of a token that dies in silence before it is used again.
        cases.push(if name == "silent" { revoked.followed_by(drop_all()) } else { revoked });
    }
    let stolen = Aim::bot(ACCOUNTS[0], "bot-1");
    cases.push(Case::of("stolen-session", Order::of(Fault::StealSession).at(stolen)).followed_by(drop_all()));
    cases
}

fn requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for request in [PUBLISH, HISTORY, FIELDS, RINGS] {
        let short = request.rsplit('.').next().unwrap();
        let faults = [
            ("lost", Fault::LoseRequest),
            ("unanswered", Fault::LoseAnswer),
            ("answered-late", Fault::DelayAnswer { by: MOMENT }),
            ("answered-twice", Fault::DoubleAnswer),
        ];
        for (name, fault) in faults {
            let order = Order::of(fault).at(on(request)).times(3);
            cases.push(met_by(request, Case::of(format!("{short}-{name}"), order)));
        }
    }
    for request in AT_CONNECT {
        let short = request.rsplit('.').next().unwrap();
        let order = Order::of(Fault::LoseAnswer).at(on(request)).times(2);
        cases.push(
            met_by(request, Case::of(format!("{short}-unanswered"), order)).brought_about_by(drop_all()),
        );
    }
    let late = Order::of(Fault::ApplyLate { after: MOMENT }).at(here());
    cases.push(Case::of("applied-late", late).brought_about_by(drop_all()));
    cases
}

/// Which bots make such requests.
fn met_by(request: &str, case: Case) -> Case {
    match request {
        FIELDS => case.only(Intake::All).connects_again(),
        RINGS | "routing.SubscribeRoutingTasks" => case.only(Intake::Rings),
        HISTORY => case.connects_again(),
        _ => case,
    }
}

impl Case {
    fn connects_again(self) -> Self {
        self.brought_about_by(drop_all())
    }
}

/// Error answers of each code to each request.
fn refusals() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in REFUSALS {
        for request in [HISTORY, FIELDS, RINGS].into_iter().chain(AT_CONNECT) {
            let short = request.rsplit('.').next().unwrap();
            let order = Order::of(Fault::Refuse { status }).at(on(request)).times(2);
            let case = met_by(request, Case::of(format!("{short}-{status}"), order));
            cases.push(if AT_CONNECT.contains(&request) { case.connects_again() } else { case });
        }
        let publish = Order::of(Fault::Refuse { status }).at(on(PUBLISH)).times(2);
        let for_good = matches!(status, 400 | 403 | 404);
        let verdict = if for_good { Verdict::DeadLetters } else { Verdict::Clean };
        cases.push(Case::of(format!("PublishEvent-{status}"), publish).ends(verdict));
    }
    for status in [429, 500, 503] {
        let order = Order::of(Fault::RefuseAfterEffect { status }).at(on(PUBLISH)).times(2);
        // Nobody refuses with 429 what was done.
        if status != 429 {
            cases.push(Case::of(format!("PublishEvent-done-but-{status}"), order));
        }
    }
    cases
}

fn notifications() -> Vec<Case> {
    let mut cases = Vec::new();
    for request in [EVENTS, CONVERSATIONS] {
        let short = request.rsplit('.').next().unwrap();
        let case = |name: &str, fault| {
            Case::of(format!("{short}-{name}"), Order::of(fault).at(on(request)).chance(0.4))
        };
        cases.push(case("twice", Fault::DoubleNotification));
        cases.push(case("late", Fault::DelayNotification { by: MOMENT / 3 }));
        cases.push(case("swapped", Fault::ReorderNotification { with: Swap::OtherType }));
        cases.push(case("lost", Fault::LoseNotification).followed_by(drop_all()));
    }
    let swapped = Fault::ReorderNotification { with: Swap::SameDialog };
    cases.push(Case::of("events-swapped-in-their-dialog", Order::of(swapped).at(on(EVENTS)).chance(0.4)));
    cases
}

fn frames() -> Vec<Case> {
    let anywhere = |name: &str, fault| Case::of(name, Order::of(fault).at(here()).chance(0.2));
    vec![
        anywhere("garbage-frame", Fault::GarbageFrame),
        anywhere("truncated-frame", Fault::TruncatedFrame),
        anywhere("binary-frame", Fault::BinaryFrame),
        anywhere("null-list", Fault::NullList),
        Case::of("null-page", Order::of(Fault::NullList).at(on(HISTORY)).times(2)).connects_again(),
        Case::of("huge-frame", Order::of(Fault::HugeFrame { bytes: 4 << 20 }).at(here()).times(3)),
    ]
}

fn conversations() -> Vec<Case> {
    let at_publish = |fault| Order::of(fault).at(on(PUBLISH)).times(3);
    vec![
        Case::of("closed-while-a-turn-runs", at_publish(Fault::CloseConversation)).ends(Verdict::CutOff),
        Case::of("transferred-while-a-turn-runs", at_publish(Fault::TransferConversation { skill: None })),
        Case::of(
            "taken-over-while-a-turn-runs",
            at_publish(Fault::HumanTakesOver { answers: false }).lasting(MOMENT),
        ),
        Case::of("step-up-while-a-turn-runs", at_publish(Fault::StepUp)),
    ]
}
