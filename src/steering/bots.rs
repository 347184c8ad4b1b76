//! Verbs on bots: what the store can decide is answered at once, the rest by whoever runs the bot.

use muster_core::pause::Scope;
use muster_core::quarantine::{Kind, Quarantine};
use muster_core::wish::{Verb, Verdict};

use crate::store::{Act, BotKey, BotWishOutcome, DeclaredRow, Store, StoreError};

/// What somebody wants of bots, and why.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What.
    pub verb: Verb,
    /// Who wants it.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// From where, for the audit.
    pub from: &'a str,
}

/// What was asked of bots.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The wish, by which [`outcomes`] knows it.
    pub wish: String,
    /// For each bot what came of it; `None` where whoever runs it has to say.
    pub bots: Vec<BotWishOutcome>,
}

/// Carries an order out, bot by bot written down in the audit first.
pub async fn act(store: &Store, order: Order<'_>, rows: &[DeclaredRow]) -> Result<Asked, StoreError> {
    let what = order.verb.to_string();
    for row in rows {
        let (account, bot) = (row.bot.account.as_str(), row.bot.bot.as_str());
        store.audit(&Act::new((account, bot), order.by, &what, order.reason).from(order.from)).await?;
    }
    let wish = uuid::Uuid::new_v4().to_string();
    let bots = tell(store, &wish, order, rows).await?;
    Ok(Asked { wish, bots })
}

/// What has come by now of what was asked.
pub async fn outcomes(store: &Store, asked: &Asked) -> Result<Vec<BotWishOutcome>, StoreError> {
    let open = asked.bots.iter().filter(|one| one.verdict.is_none()).map(|one| one.bot.clone());
    let told = store.wish_outcomes(&asked.wish, &open.collect::<Vec<_>>()).await?;
    let told: std::collections::BTreeMap<_, _> = told.into_iter().map(|one| (one.bot, one.verdict)).collect();
    let now = |one: &BotWishOutcome| BotWishOutcome {
        bot: one.bot.clone(),
        verdict: one.verdict.clone().or_else(|| told.get(&one.bot).cloned().flatten()),
    };
    Ok(asked.bots.iter().map(now).collect())
}

/// Carries an order out under the name of a wish: whoever was interrupted may tell again, and what is
/// awaited is asked once. Writes nothing in the audit.
pub(super) async fn tell(
    store: &Store,
    wish: &str,
    order: Order<'_>,
    rows: &[DeclaredRow],
) -> Result<Vec<BotWishOutcome>, StoreError> {
    let Order { verb, by, reason, .. } = order;
    match verb {
        Verb::Release => release(store, rows, by, reason).await,
        Verb::Suspend => suspend(store, rows, by, reason).await,
        Verb::Pause => {
            store.pause(&scopes(rows), reason, by).await?;
            Ok(rows.iter().map(|row| done(row, "is paused within a few seconds")).collect())
        }
        Verb::Resume => resume(store, rows).await,
        _ => ask(store, wish, order, rows).await,
    }
}

async fn ask(
    store: &Store,
    wish: &str,
    Order { verb, by, reason, .. }: Order<'_>,
    rows: &[DeclaredRow],
) -> Result<Vec<BotWishOutcome>, StoreError> {
    let refused = |row: &&DeclaredRow| verb == Verb::Start && row.declares_parked();
    let keys: Vec<_> = rows.iter().filter(|row| !refused(row)).map(DeclaredRow::key).collect();
    store.ask(wish, verb, &keys, (by, reason)).await?;
    let words = "its declaration parks it: take wanted = \"parked\" out of it and apply it";
    let asked = |row: &DeclaredRow| BotWishOutcome {
        bot: row.key(),
        verdict: refused(&row).then(|| Verdict::Failed(words.to_owned())),
    };
    Ok(rows.iter().map(asked).collect())
}

async fn release(
    store: &Store,
    rows: &[DeclaredRow],
    by: &str,
    reason: &str,
) -> Result<Vec<BotWishOutcome>, StoreError> {
    let gone = store.let_go(&keys(rows), by, reason).await?;
    let of = |row: &DeclaredRow| {
        if !gone.contains(&row.key()) {
            return skipped(row, "was not held off");
        }
        let kind =
            row.quarantine.as_ref().map_or(String::new(), |held| format!(" ({})", held.quarantine.kind));
        done(row, &format!("is released{kind}: a running fleet starts it within a few seconds"))
    };
    Ok(rows.iter().map(of).collect())
}

async fn suspend(
    store: &Store,
    rows: &[DeclaredRow],
    by: &str,
    reason: &str,
) -> Result<Vec<BotWishOutcome>, StoreError> {
    let because = format!("suspended by {by}: {reason}; when that is over");
    let quarantine = |row: &DeclaredRow| {
        let (account, bot) = row.key();
        let quarantine = Quarantine::of(&account, &bot, Kind::Suspended, &because);
        ((account, bot), quarantine)
    };
    let quarantines: Vec<_> = rows.iter().map(quarantine).collect();
    let held = store.hold_off(&quarantines, Some(by)).await?;
    let of = |row: &DeclaredRow| match (held.contains(&row.key()), &row.quarantine) {
        (true, _) => done(row, "is suspended: a running fleet takes it offline within a few seconds"),
        (false, Some(before)) => skipped(row, &format!("is held off already ({})", before.quarantine.kind)),
        (false, None) => skipped(row, "is held off already"),
    };
    Ok(rows.iter().map(of).collect())
}

async fn resume(store: &Store, rows: &[DeclaredRow]) -> Result<Vec<BotWishOutcome>, StoreError> {
    let lifted = store.resume(&scopes(rows)).await?;
    let of = |row: &DeclaredRow| {
        let (account, bot) = row.key();
        if lifted.contains(&Scope::Bot(account, bot)) {
            done(row, "resumes within a few seconds")
        } else {
            skipped(row, "has no pause of its own")
        }
    };
    Ok(rows.iter().map(of).collect())
}

fn keys(rows: &[DeclaredRow]) -> Vec<BotKey> {
    rows.iter().map(DeclaredRow::key).collect()
}

fn scopes(rows: &[DeclaredRow]) -> Vec<Scope> {
    keys(rows).into_iter().map(|(account, bot)| Scope::Bot(account, bot)).collect()
}

fn done(row: &DeclaredRow, words: &str) -> BotWishOutcome {
    BotWishOutcome { bot: row.key(), verdict: Some(Verdict::Done(words.to_owned())) }
}

fn skipped(row: &DeclaredRow, words: &str) -> BotWishOutcome {
    BotWishOutcome { bot: row.key(), verdict: Some(Verdict::Skipped(words.to_owned())) }
}
