//! What a catch-up found, in figures and in words: the proof that nothing lies between.

use std::fmt;

use liveperson_proto::Sequence;

/// Gaps that are named at most; the rest is counted.
const NAMED: usize = 8;

/// From one sequence to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Sequence, pub Sequence);

/// What a catch-up found between the cursor and the end of the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapProof {
    /// After this it was read.
    pub cursor: Sequence,
    /// Where the platform stands.
    pub platform: Sequence,
    /// The first and last event that the platform has there.
    pub handled: Option<Span>,
    /// What the platform does not have in between, the first few.
    pub nothing_at: Vec<Span>,
    /// How many further gaps there are.
    pub more_gaps: usize,
    /// Consumer messages that are owed a turn.
    pub owed: usize,
    /// The history was too long for one reading: the rest is read when these are answered.
    pub goes_on: bool,
}

impl GapProof {
    /// Of the sequences that were read, ascending.
    pub(crate) fn of(cursor: Sequence, read: impl Iterator<Item = Sequence>) -> Self {
        let mut proof = Self {
            cursor,
            platform: cursor,
            handled: None,
            nothing_at: Vec::new(),
            more_gaps: 0,
            owed: 0,
            goes_on: false,
        };
        for sequence in read.filter(|sequence| *sequence > cursor) {
            let expected = proof.platform.next();
            if sequence > expected {
                proof.gap(Span(expected, Sequence(sequence.0 - 1)));
            }
            let first = proof.handled.map_or(sequence, |span| span.0);
            proof.handled = Some(Span(first, sequence));
            proof.platform = sequence;
        }
        proof
    }

    fn gap(&mut self, gap: Span) {
        if self.nothing_at.len() < NAMED {
            self.nothing_at.push(gap);
        } else {
            self.more_gaps += 1;
        }
    }

    /// How many gaps there are.
    pub fn holes(&self) -> usize {
        self.nothing_at.len() + self.more_gaps
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == self.1 { write!(f, "{}", self.0) } else { write!(f, "{}-{}", self.0, self.1) }
    }
}

impl fmt::Display for GapProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cursor {}, platform {}", self.cursor, self.platform)?;
        match &self.handled {
            Some(handled) => write!(f, ", handled {handled}")?,
            None => f.write_str(", nothing new")?,
        }
        if !self.nothing_at.is_empty() {
            let gaps: Vec<_> = self.nothing_at.iter().map(Span::to_string).collect();
            write!(f, ", nothing at {}", gaps.join(", "))?;
        }
        if self.more_gaps > 0 {
            write!(f, " and at {} more places", self.more_gaps)?;
        }
        if self.goes_on { f.write_str("; the rest follows when these are answered") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(cursor: i64, read: &[i64]) -> String {
        GapProof::of(Sequence(cursor), read.iter().copied().map(Sequence)).to_string()
    }

    #[test]
    fn what_was_read_is_told_in_words() {
        for (cursor, read, words) in [
            (41, &[42, 44][..], "cursor 41, platform 44, handled 42-44, nothing at 43"),
            (41, &[], "cursor 41, platform 41, nothing new"),
            (41, &[40, 41], "cursor 41, platform 41, nothing new"),
            (-1, &[0], "cursor -1, platform 0, handled 0"),
            (3, &[7, 8, 12], "cursor 3, platform 12, handled 7-12, nothing at 4-6, 9-11"),
        ] {
            assert_eq!(proof(cursor, read), words);
        }
    }

    #[test]
    fn many_gaps_are_counted_and_not_all_named() {
        let read: Vec<_> = (0..20).map(|n| Sequence(n * 2)).collect();
        let proof = GapProof::of(Sequence(-1), read.into_iter());
        assert_eq!((proof.nothing_at.len(), proof.holes()), (NAMED, 19));
        assert!(proof.to_string().ends_with("15 and at 11 more places"), "{proof}");
    }
}
