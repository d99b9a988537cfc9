//! The MD5 behind each aggregate. Each step of MD5 waits for the one before, so that one message at a time leaves most of a
//! core idle: here, several messages go through it side by side, in code that compiles to vector instructions.

use std::array::from_fn;

use md5::block_api::compress;
use md5::{Digest, Md5};

use crate::{DIGEST_BYTES, MAGIC};

const LANES: usize = 8;
/// As many messages one by one take longer than all lanes.
const WORTH_IT: usize = 3;
const BLOCK_BYTES: usize = 64;

/// The constants of RFC 1321.
const START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
    0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
    0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
    0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
    0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
    0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
    0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
    0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
];

type Block = [u8; BLOCK_BYTES];
/// The same word of each message.
type Words = [u32; LANES];

/// Completes aggregates that [`finish_unsealed`](crate::Aggregator::finish_unsealed) gave out: several are quicker together.
pub fn seal(records: &mut [&mut Vec<u8>]) {
    for lanes in records.chunks_mut(LANES) {
        if lanes.len() < WORTH_IT {
            for record in lanes {
                let digest = Md5::digest(&record[MAGIC.len()..]);
                record.extend_from_slice(&digest);
            }
        } else {
            let digests = side_by_side(from_fn(|lane| &lanes[lane.min(lanes.len() - 1)][MAGIC.len()..]));
            for (record, digest) in lanes.iter_mut().zip(digests) {
                record.extend_from_slice(&digest);
            }
        }
    }
}

/// The MD5s of messages. What a message is longer than the shortest one goes through by itself.
fn side_by_side(messages: [&[u8]; LANES]) -> [[u8; DIGEST_BYTES]; LANES] {
    let blocks = messages.map(|message| message.as_chunks::<BLOCK_BYTES>().0);
    let shared = blocks.map(<[Block]>::len).into_iter().min().unwrap_or(0);
    let mut states = START.map(|word| [word; LANES]);
    for block in 0..shared {
        compress_lanes(&mut states, blocks.map(|blocks| &blocks[block]));
    }
    from_fn(|lane| {
        let mut state = states.map(|words| words[lane]);
        compress(&mut state, &blocks[lane][shared..]);
        compress_end(&mut state, messages[lane]);
        let mut digest = [0; DIGEST_BYTES];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.to_le_bytes();
        }
        digest
    })
}

/// The last bytes of a message, a one, zeros, and its length in bits.
fn compress_end(state: &mut [u32; 4], message: &[u8]) {
    let rest = message.as_chunks::<BLOCK_BYTES>().1;
    let mut end = [[0; BLOCK_BYTES]; 2];
    let bytes = end.as_flattened_mut();
    bytes[..rest.len()].copy_from_slice(rest);
    bytes[rest.len()] = 0x80;
    let length = (message.len() as u64 * 8).to_le_bytes();
    let blocks = if rest.len() + 1 + length.len() <= BLOCK_BYTES {
        1
    } else {
        2
    };
    let at = blocks * BLOCK_BYTES - length.len();
    bytes[at..][..length.len()].copy_from_slice(&length);
    compress(state, &end[..blocks]);
}

fn compress_lanes(states: &mut [Words; 4], blocks: [&Block; LANES]) {
    let words: [Words; 16] =
        from_fn(|word| blocks.map(|block| u32::from_le_bytes(block.as_chunks().0[word])));
    let [mut a, mut b, mut c, mut d] = *states;
    for (round, shifts) in SHIFTS.iter().enumerate() {
        for step in 0..16 {
            let word = match round {
                0 => step,
                1 => 5 * step + 1,
                2 => 3 * step + 5,
                _ => 7 * step,
            } % 16;
            let (sine, shift) = (SINES[round * 16 + step], shifts[step % 4]);
            let next = from_fn(|lane| {
                let (b, c, d) = (b[lane], c[lane], d[lane]);
                let mixed = match round {
                    0 => (b & c) | (!b & d),
                    1 => (b & d) | (c & !d),
                    2 => b ^ c ^ d,
                    _ => c ^ (b | !d),
                };
                let sum = a[lane]
                    .wrapping_add(mixed)
                    .wrapping_add(words[word][lane])
                    .wrapping_add(sine);
                sum.rotate_left(shift).wrapping_add(b)
            });
            (a, b, c, d) = (d, next, b, c);
        }
    }
    for (state, end) in states.iter_mut().zip([a, b, c, d]) {
        *state = from_fn(|lane| state[lane].wrapping_add(end[lane]));
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_together_ends_with_the_md5_of_each(
            messages in vec(prop_oneof![vec(any::<u8>(), 0..200), vec(any::<u8>(), 900..1_000)], 0..20),
        ) {
            let mut records: Vec<Vec<u8>> = messages.iter().map(|message| [&MAGIC, &message[..]].concat()).collect();
            seal(&mut records.iter_mut().collect::<Vec<_>>());
            for (record, message) in records.iter().zip(&messages) {
                prop_assert_eq!(record, &[&MAGIC, &message[..], Md5::digest(message).as_slice()].concat());
            }
        }
    }
}
