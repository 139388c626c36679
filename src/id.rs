//! Small types that identify organisations, resources, tokens and requests. A value that exists is valid.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

mod time;

/// First path segments that no organisation can have.
pub const RESERVED: [&str; 10] = ["v1", "v2", "scim", "oauth", "api", "www", "admin", "console", "docs", "assets"];

/// An organisation's name: `[a-z0-9][a-z0-9-]{0,62}`, and not one of [`RESERVED`]. It is also the name of the
/// organisation's Durable Object, so its spelling must never change.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct OrgId(String);

impl OrgId {
    /// Reads a name. Returns `None` if the text is not an organisation's name.
    pub fn parse(text: &str) -> Option<Self> {
        // Lower case only: two spellings of one name would be two objects.
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let mut bytes = text.bytes();
        let first = bytes.next().is_some_and(letter);
        let rest = bytes.all(|b| letter(b) || b == b'-');
        // `healthz` is an address of the service itself, at the same place in the path.
        let free = !RESERVED.contains(&text) && text != "healthz";
        (first && rest && free && text.len() <= 63).then(|| Self(text.to_owned()))
    }
}

/// The longest id that is accepted in a URL or a member value, in bytes. Ids made here have 36.
const ID_MAX: usize = 128;

/// Returns true for an id that can stand in a URL and be compared as bytes. Imported ids keep their form.
fn id_form(text: &str) -> bool {
    // The unreserved letters of RFC 3986 section 2.3: such an id needs no encoding in an address and no escape in JSON.
    (1..=ID_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
}

macro_rules! resource_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub struct $name(String);

        impl $name {
            /// Reads an id. Returns `None` if the text cannot be an id: then no resource has it.
            pub fn parse(text: &str) -> Option<Self> {
                id_form(text).then(|| Self(text.to_owned()))
            }
        }
    };
}

resource_id! {
    /// A user's `id` (RFC 7643 section 3.1).
    UserId
}
resource_id! {
    /// A group's `id` (RFC 7643 section 3.1).
    GroupId
}
resource_id! {
    /// The id of a proposed member of a group. Only the organisation's object can tell whether it is a user's.
    MemberId
}
resource_id! {
    /// The public name of a token in the Console's API. It gives no access.
    TokenId
}
resource_id! {
    /// The id of one request, in answers, logs and the journal.
    RequestId
}

impl RequestId {
    /// Returns the id that stands in where none could be made.
    pub fn nil() -> Self {
        Self("00000000-0000-0000-0000-000000000000".to_owned())
    }
}

macro_rules! text_type {
    ($($name:ident),*) => {$(
        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom(concat!("not a ", stringify!($name))))
            }
        }
    )*};
}

text_type!(OrgId, UserId, GroupId, MemberId, TokenId, RequestId);

/// The SHA-256 of a token. Nothing else of a token is ever stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Writes 64 lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(d.into(), 16)).collect()
    }

    /// Reads what [`TokenHash::hex`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            text.chars().map(|c| if c.is_ascii_uppercase() { None } else { c.to_digit(16)?.try_into().ok() }).collect();
        let bytes: Vec<u8> = digits?
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some(high << 4 | low),
                _ => None,
            })
            .collect::<Option<_>>()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("not a token hash"))
    }
}

/// The largest whole number that a floating point number holds exactly, and so SQL and every reader of JSON.
pub const NUMBER_MAX: i64 = (1 << 53) - 1;

/// Reads a whole number from 0 to [`NUMBER_MAX`], as parameters and positions have it.
pub fn parse_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| (0..=NUMBER_MAX).contains(number))
}

/// The number of a resource's changes, from 1 (RFC 7644 section 3.14).
pub type Version = i64;

/// A position in the organisation's one sequence of changes, from 1; 0 is before the first.
pub type Seq = i64;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// Returns true if two times are less than `milliseconds` apart, in either order: the clock may have gone back between
/// them.
pub fn is_within(one: Timestamp, other: Timestamp, milliseconds: i64) -> bool {
    one.0.abs_diff(other.0) < milliseconds.unsigned_abs()
}

impl Timestamp {
    /// The last time that RFC 3339 can write.
    pub const LAST: Self = Self(*time::RANGE.end());

    /// Writes RFC 3339 in UTC with milliseconds, `2026-11-24T09:30:00.000Z`.
    pub fn rfc3339(self) -> String {
        time::write_rfc3339(self.0)
    }

    /// Reads RFC 3339 with any offset; parts of a millisecond are dropped.
    pub fn parse(text: &str) -> Option<Self> {
        time::read_rfc3339(text).map(Self)
    }

    /// Returns the time `milliseconds` later.
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// Makes ids that grow: UUIDv7 (RFC 9562 section 5.7) from the later of the clock and the last id, with a counter
/// of 26 bits below the millisecond and 48 random bits. New rows append to the index and lists are in creation order.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    milliseconds: i64,
    counter: u32,
}

impl Ids {
    /// Continues after every id that was made up to `last`, even by an earlier generator.
    pub fn after(last: Timestamp) -> Self {
        Self { milliseconds: last.0, counter: COUNTER_MAX }
    }

    /// Makes the next id. `random` fills the bits that make it unguessable.
    pub fn next_id(&mut self, now: Timestamp, random: [u8; 6]) -> String {
        // The clock may go back or stand still: the id then grows by its counter, and at its end by a millisecond.
        if now.0 > self.milliseconds {
            (self.milliseconds, self.counter) = (now.0, 0);
        // 26 bits: 67 million ids in a millisecond, more than an object makes in a minute.
        } else if self.counter < COUNTER_MAX {
            self.counter += 1;
        } else {
            (self.milliseconds, self.counter) = (self.milliseconds + 1, 0);
        }
        // The builder overwrites the upper four bits of the first byte and the upper two of the third.
        let bits = |shift: u32, mask: u32| (self.counter >> shift & mask) as u8;
        let [r0, r1, r2, r3, r4, r5] = random;
        // The counter stands before the random bits, so ids of one millisecond sort in the order of their making.
        let tail = [bits(22, 0x0f), bits(14, 0xff), bits(8, 0x3f), bits(0, 0xff), r0, r1, r2, r3, r4, r5];
        let milliseconds = u64::try_from(self.milliseconds).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &tail).into_uuid().to_string()
    }

    /// Returns the millisecond of the last id, which is never before the clock.
    pub fn last_time(&self) -> Timestamp {
        Timestamp(self.milliseconds)
    }
}

const COUNTER_MAX: u32 = (1 << 26) - 1;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn organisation_names() {
        for good in ["a", "acme", "0-9", &"x".repeat(63)] {
            assert!(OrgId::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "Acme", "a_b", "a.b", "v1", "scim", "healthz", &"x".repeat(64)] {
            assert!(OrgId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_grow_whatever_the_clock_does() {
        let mut ids = Ids::default();
        let mut made: Vec<String> = [5, 5, 9, 9, 3, 10].map(|ms| ids.next_id(Timestamp(ms), [0xff; 6])).into();
        assert_eq!(made[0], "00000000-0005-7000-8000-ffffffffffff");
        let mut successor = Ids::after(ids.last_time());
        made.push(successor.next_id(Timestamp(1), [0; 6]));
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
        assert_eq!(made[6], "00000000-000b-7000-8000-000000000000");
    }

    #[test]
    fn a_full_counter_moves_to_the_next_millisecond() {
        let mut ids = Ids { milliseconds: 7, counter: COUNTER_MAX - 1 };
        assert_eq!(ids.next_id(Timestamp(7), [0; 6]), "00000000-0007-7fff-bfff-000000000000");
        assert_eq!(ids.next_id(Timestamp(7), [0; 6]), "00000000-0008-7000-8000-000000000000");
    }

    #[test]
    fn hashes_and_times_are_written_one_way() {
        let hash = TokenHash([0xa5; 32]);
        assert_eq!(TokenHash::parse(&hash.hex()), Some(hash));
        assert_eq!(TokenHash::parse(&hash.hex().to_uppercase()), None);
        assert_eq!(TokenHash::parse("a5"), None);
        let time = Timestamp(1_795_512_600_123);
        assert_eq!(time.rfc3339(), "2026-11-24T09:30:00.123Z");
        assert_eq!(Timestamp::parse("2026-11-24T10:30:00.123999+01:00"), Some(time));
    }
}
