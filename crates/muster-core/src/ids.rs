//! The ids that are muster's own.

liveperson_proto::id! {
    /// A bot's name in the fleet file, unique within its account.
    BotId,
    /// A pool's name, unique within its account; a bot without one is a pool of its own.
    PoolId,
    /// A turn: a hash of account, pool, conversation, dialog and trigger, in hex.
    TurnId,
}
