//! Where a frame ends in the bytes that are heard.

/// Follows the upgrade's answer and then frame after frame, without looking into any.
pub(super) enum Boundary {
    /// In the head of the upgrade's answer, of whose last four bytes so many were just seen.
    Upgrade(u8),
    /// In a frame's header, of which these bytes are known.
    Header(u8, [u8; 14]),
    /// In a frame's payload, of which so much is missing.
    Payload(u64),
}

impl Boundary {
    pub(super) const START: Self = Self::Upgrade(0);
    pub(super) const NEXT: Self = Self::Header(0, [0; 14]);

    /// Takes bytes up to the first end of a frame, or of the upgrade's head; returns how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            let (step, ended) = self.step(&bytes[taken..]);
            taken += step;
            if ended {
                *self = Self::NEXT;
                break;
            }
        }
        taken
    }

    /// Whether what was taken so far ends with a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        matches!(self, Self::Header(0, _))
    }

    fn step(&mut self, bytes: &[u8]) -> (usize, bool) {
        match self {
            Self::Upgrade(seen) => {
                *seen = match (*seen, bytes[0]) {
                    (0 | 2, b'\r') | (1 | 3, b'\n') => *seen + 1,
                    (_, b'\r') => 1,
                    _ => 0,
                };
                (1, *seen == 4)
            }
            Self::Header(known, header) => {
                header[usize::from(*known)] = bytes[0];
                *known += 1;
                let Some(payload) = payload(&header[..usize::from(*known)]) else { return (1, false) };
                *self = Self::Payload(payload);
                (1, payload == 0)
            }
            Self::Payload(missing) => {
                let step = usize::try_from(*missing).map_or(bytes.len(), |missing| missing.min(bytes.len()));
                *missing -= step as u64;
                (step, *missing == 0)
            }
        }
    }
}

/// The length of the payload, once its header is whole.
fn payload(header: &[u8]) -> Option<u64> {
    let second = *header.get(1)?;
    let mask = usize::from(second >> 7) * 4;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if header.len() < 2 + extended + mask {
        return None;
    }
    let length = header[2..2 + extended].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    Some(if extended == 0 { u64::from(second & 0x7f) } else { length })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a stream at every boundary, given in pieces of one size.
    fn cuts(stream: &[u8], piece: usize) -> Vec<usize> {
        let (mut boundary, mut place, mut cuts) = (Boundary::START, 0, Vec::new());
        while place < stream.len() {
            place += boundary.take(&stream[place..stream.len().min(place + piece)]);
            if boundary.is_between_frames() {
                cuts.push(place);
            }
        }
        cuts
    }

    #[test]
    fn streams_are_cut_where_frames_end() {
        let mut stream = b"HTTP/1.1 101 x\r\nA: b\r\r\n\r\n".to_vec();
        let mut expected = vec![stream.len()];
        for (header, payload) in [
            (vec![0x81, 5], 5),
            (vec![0x89, 0], 0),
            (vec![0x81, 126, 1, 0], 256),
            (vec![0x01, 127, 0, 0, 0, 0, 0, 1, 0, 1], 65537),
            (vec![0x80, 0x83, 1, 2, 3, 4], 3),
            (vec![0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0], 0),
        ] {
            stream.extend(header);
            stream.resize(stream.len() + payload, b'\r');
            expected.push(stream.len());
        }
        for piece in [1, 2, 3, 7, 100, 4096, stream.len()] {
            assert_eq!(cuts(&stream, piece), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn an_absurd_length_is_followed() {
        let mut boundary = Boundary::NEXT;
        assert_eq!(boundary.take(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1, 2]), 12);
        assert!(!boundary.is_between_frames());
    }
}
