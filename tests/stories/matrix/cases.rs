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
    /// The same, unless a new token or another look at the conversation helps.
    PerhapsDeadLetters,
    /// Messages that were owed in a conversation when it was closed, counted apart by the ledger.
    CutOff,
}

/// One case: orders that stand for a while, and what follows them.
pub(super) struct Case {
    pub(super) name: String,
    /// Each has to be met as often as it says.
    pub(super) orders: Vec<Order>,
    /// What brings bots to where they meet them, again and again until they have.
    pub(super) push: Vec<Order>,
    /// What has to follow for the fault to be noticed, once it took effect.
    pub(super) after: Vec<Order>,
    pub(super) verdict: Verdict,
}

const PUBLISH: &str = "ms.PublishEvent";
const HISTORY: &str = "ms.QueryMessages";
const EVENTS: &str = "ms.OnlineEventDistribution";
const CONVERSATIONS: &str = "cqm.ExConversationChangeNotification";
const FIELDS: &str = "cm.UpdateConversationField";
const RINGS: &str = "routing.UpdateRingState";

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
        Self::all_of(name, vec![order])
    }

    fn all_of(name: impl Into<String>, orders: Vec<Order>) -> Self {
        let name = name.into();
        Self { name, orders, push: Vec::new(), after: Vec::new(), verdict: Verdict::Clean }
    }

    fn pushed_by(mut self, order: Order) -> Self {
        self.push.push(order);
        self
    }

    fn followed_by(mut self, order: Order) -> Self {
        self.after.push(order);
        self
    }

    fn ends(self, verdict: Verdict) -> Self {
        Self { verdict, ..self }
    }
}

/// Every case but the platform's switches, in the order of a message's way.
pub(super) fn all(intake: Intake) -> Vec<Case> {
    let parts = [
        sockets(),
        logins(),
        requests(intake),
        refusals(intake),
        notifications(),
        frames(),
        conversations(intake),
    ];
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
    cases.push(Case::of("stall", Order::of(Fault::Stall).at(here()).lasting(MOMENT * 5 / 2)));
    let slow = Fault::SlowSocket { bytes_per_second: 4000 };
    cases.push(Case::of("slow-socket", Order::of(slow).at(here()).lasting(MOMENT)));
    cases
}

/// What the services over HTTP get, each once; a connection that failed makes a bot ask for the domains.
fn logins() -> Vec<Case> {
    let troubles = [
        ("429", Trouble::Status { status: 429, retry_after: Some(1) }),
        ("500", Trouble::status(500)),
        ("503", Trouble::status(503)),
        ("silence", Trouble::Silence),
        ("rubbish", Trouble::Rubbish),
    ];
    let mut cases: Vec<_> = troubles
        .into_iter()
        .map(|(name, how)| {
            let faults = [Fault::LoginFault { how }, Fault::UpgradeFault { how }];
            let mut orders: Vec<_> = faults
                .into_iter()
                .map(|fault| Order::of(fault).at(Aim::account(ACCOUNTS[0])).times(1))
                .collect();
            orders.push(Order::of(Fault::DomainFault { how }).times(1));
            let unwell = Order::of(Fault::UpgradeFault { how: Trouble::status(503) }).at(here()).times(1);
            let case = Case::all_of(format!("services-{name}"), orders);
            case.pushed_by(unwell).pushed_by(revoke_all())
        })
        .collect();
    for status in [401, 403] {
        let upgrade = Fault::UpgradeFault { how: Trouble::status(status) };
        let upgrade = Order::of(upgrade).at(here()).times(1);
        cases.push(Case::of(format!("upgrade-{status}"), upgrade).pushed_by(drop_all()));
    }
    for (name, how) in
        troubles.into_iter().chain([("401", Trouble::status(401)), ("403", Trouble::status(403))])
    {
        let refresh = Order::of(Fault::RefreshFault { how }).at(here()).times(1);
        cases.push(Case::of(format!("refresh-{name}"), refresh));
    }
    for (name, how) in
        [("4401", Revocation::Close4401), ("1006", Revocation::Drop1006), ("silent", Revocation::Silent)]
    {
        let revoked =
            Case::of(format!("revoked-token-{name}"), Order::of(Fault::RevokeToken { how }).at(here()));
        // Nobody hears of a token that dies in silence before it is used again.
        cases.push(if name == "silent" { revoked.followed_by(drop_all()) } else { revoked });
    }
    let stolen = Order::of(Fault::StealSession).at(Aim::bot(ACCOUNTS[0], "bot-1"));
    cases.push(Case::of("stolen-session", stolen).followed_by(drop_all()));
    cases
}

/// The requests that bots of an intake make without end, and at each connect.
fn requests_of(intake: Intake) -> Vec<&'static str> {
    let own = match intake {
        Intake::Rings => [RINGS, "routing.SubscribeRoutingTasks"].as_slice(),
        Intake::All => [FIELDS].as_slice(),
    };
    let shared = [HISTORY, "aam.SubscribeExConversations", "routing.SetAgentState", "GetClock"];
    own.iter().copied().chain(shared).collect()
}

fn requests(intake: Intake) -> Vec<Case> {
    let faults = [
        ("lost", Fault::LoseRequest),
        ("unanswered", Fault::LoseAnswer),
        ("answered-late", Fault::DelayAnswer { by: MOMENT }),
        ("answered-twice", Fault::DoubleAnswer),
    ];
    let mut cases = Vec::new();
    for (name, fault) in faults {
        let publish = Order::of(fault.clone()).at(on(PUBLISH)).times(4);
        cases.push(Case::of(format!("publish-{name}"), publish));
        let each = |request| Order::of(fault.clone()).at(on(request)).times(1);
        let orders = requests_of(intake).into_iter().map(each).collect();
        cases.push(Case::all_of(format!("requests-{name}"), orders).pushed_by(drop_all()));
    }
    let late = Order::of(Fault::ApplyLate { after: MOMENT }).at(here());
    cases.push(Case::of("applied-late", late).pushed_by(drop_all()));
    cases
}

/// Error answers of each code to each request; receipts are published too, hence more times.
fn refusals(intake: Intake) -> Vec<Case> {
    let mut cases = Vec::new();
    for status in REFUSALS {
        let each = |request| Order::of(Fault::Refuse { status }).at(on(request)).times(1);
        let orders = requests_of(intake).into_iter().map(each).collect();
        cases.push(Case::all_of(format!("requests-{status}"), orders).pushed_by(drop_all()));
        let publish = Order::of(Fault::Refuse { status }).at(on(PUBLISH)).times(6);
        let verdict = match status {
            400 => Verdict::DeadLetters,
            403 | 404 => Verdict::PerhapsDeadLetters,
            _ => Verdict::Clean,
        };
        cases.push(Case::of(format!("publish-{status}"), publish).ends(verdict));
    }
    for status in [500, 503] {
        let order = Order::of(Fault::RefuseAfterEffect { status }).at(on(PUBLISH)).times(4);
        cases.push(Case::of(format!("publish-done-but-{status}"), order));
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
        Case::of("null-page", Order::of(Fault::NullList).at(on(HISTORY)).times(2)).pushed_by(drop_all()),
        Case::of("huge-frame", Order::of(Fault::HugeFrame { bytes: 4 << 20 }).at(here()).times(3)),
    ]
}

fn conversations(intake: Intake) -> Vec<Case> {
    let at_publish = |fault| Order::of(fault).at(on(PUBLISH)).times(1);
    let mut cases = vec![
        Case::of("closed-while-a-turn-runs", at_publish(Fault::CloseConversation)).ends(Verdict::CutOff),
        Case::of(
            "taken-over-while-a-turn-runs",
            at_publish(Fault::HumanTakesOver { answers: false }).lasting(MOMENT),
        ),
        Case::of("step-up-while-a-turn-runs", at_publish(Fault::StepUp)),
    ];
    if intake == Intake::Rings {
        // Only an assigned agent can lose a conversation to another.
        let transfer = at_publish(Fault::TransferConversation { skill: None });
        cases.push(Case::of("transferred-while-a-turn-runs", transfer));
        // And only one that is routed anything is asked to be there for it.
        cases.push(Case::of("set-away", Order::of(Fault::SetAway).at(here())));
    }
    cases
}
