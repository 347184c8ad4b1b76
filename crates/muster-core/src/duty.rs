//! What the bots of a pool are for: how conversations come to them, and how they behave beside others.

use liveperson_proto::message::Role;

/// A pool's duty, the same for each of its bots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Duty {
    /// How conversations come to the pool.
    pub intake: Intake,
    /// The role in which a bot joins; only with [`Intake::All`].
    pub join_as: JoinAs,
    /// What a bot does while somebody else is assigned; only with [`Intake::All`].
    pub when_human: WhenHuman,
    /// Where the cursor starts at a new claim.
    pub start: Start,
}

impl Duty {
    /// The role in which a bot of the pool takes part.
    pub fn role(&self) -> Role {
        match self.intake {
            Intake::Rings => Role::AssignedAgent,
            Intake::All => self.join_as.role(),
        }
    }

    /// Whether a bot holds still while somebody else is assigned.
    pub fn is_silent_beside_humans(&self) -> bool {
        self.intake == Intake::All && self.when_human == WhenHuman::Silent
    }
}

/// How a pool gets conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Intake {
    /// The platform routes them to its bots as assigned agents.
    #[default]
    Rings,
    /// One bot watches every open conversation of the account, and the least loaded bot joins.
    All,
}

/// The role in which a bot joins a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum JoinAs {
    /// As a further agent, whom the consumer sees.
    #[default]
    Agent,
    /// As a manager, as supervisors join.
    Manager,
}

impl JoinAs {
    /// The platform's word for it.
    pub fn role(self) -> Role {
        match self {
            Self::Agent => Role::Agent,
            Self::Manager => Role::Manager,
        }
    }
}

/// What a bot does while somebody else is the assigned agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenHuman {
    /// It starts no turn and sends nothing; what the agent answers is not owed any more.
    #[default]
    Silent,
    /// It goes on answering.
    Continue,
}

/// Which messages a bot owes an answer when it takes a conversation up for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Start {
    /// Those after the last content of the brand's side.
    #[default]
    Unanswered,
    /// None that is there already.
    Now,
    /// All of them.
    All,
}
