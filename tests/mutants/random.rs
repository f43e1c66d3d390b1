//! Numbers that are the same in each run (xorshift64*), and damage that is done by them.

/// Where numbers come from.
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Random {
        // Neighbours must not begin alike, and 0 has no numbers.
        Random(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

/// The largest input, in bytes.
const MAX_LEN: usize = 256 << 10;

/// Numbers that break what counts on small ones.
pub const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x8000_0000_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Damages a part of the bytes in place: numbers become others, bits flip.
pub fn overwrite(part: &mut [u8], random: &mut Random) {
    if part.is_empty() {
        return;
    }
    let at = random.below(part.len());
    match random.below(5) {
        0 => part[at] ^= 1 << random.below(8),
        1 => part[at] = random.byte(),
        2 => {
            let from = random.below(part.len());
            let len = random.below(32).min(part.len() - at.max(from));
            part.copy_within(from..from + len, at);
        }
        _ => {
            let number = NUMBERS[random.below(NUMBERS.len())].to_le_bytes();
            let len = (1 << random.below(4)).min(part.len() - at);
            part[at..at + len].copy_from_slice(&number[..len]);
            if random.below(4) == 0 {
                part[at..at + len].reverse();
            }
        }
    }
}

/// Damages bytes in any way; they may become more or fewer. `words` are what the format is made of.
pub fn damage(bytes: &mut Vec<u8>, words: &[&str], random: &mut Random) {
    if bytes.is_empty() {
        bytes.push(random.byte());
    }
    let at = random.below(bytes.len());
    match random.below(8) {
        0 => bytes.truncate(at),
        1 => {
            let end = at + random.below(bytes.len() - at + 1);
            bytes.drain(at..end);
        }
        2 => {
            let end = at + random.below(256).min(bytes.len() - at);
            let piece = bytes[at..end].repeat(1 + random.below(40));
            bytes.splice(at..at, piece);
        }
        3 | 4 if !words.is_empty() => {
            let word = words[random.below(words.len())];
            let times = if random.below(16) == 0 { random.below(2000) } else { 1 };
            bytes.splice(at..at, word.repeat(times).into_bytes());
        }
        _ => overwrite(bytes, random),
    }
    bytes.truncate(MAX_LEN);
}
