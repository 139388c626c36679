//! Address ranges from which a token may be used, as prefixes: `203.0.113.0/24`, `2001:db8::/32` (RFC 4632 section 3.1,
//! RFC 4291 section 2.3). An IPv4 address and the IPv6 address that maps it (RFC 4291 section 2.5.5.2) are the same.

use crate::error::{Code, Error, Result, quoted};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most ranges of one token.
pub const RANGES_MAX: usize = 50;

/// Returns the ranges as they are kept: each once, in canonical spelling. A single address is the range of that address
/// alone.
///
/// # Errors
/// 400 that names the entry, if it is not a range or has bits beyond its prefix: the admin meant another range.
pub fn canonical_ranges(entries: &[String]) -> Result<Vec<String>> {
    if entries.len() > RANGES_MAX {
        let detail = format!("addressRanges has {} entries; at most {RANGES_MAX} are allowed.", entries.len());
        return Err(Error::new(Code::InvalidAddressRange, detail));
    }
    let mut kept = Vec::new();
    for entry in entries {
        let shown: String = entry.chars().take(64).collect();
        let range = AddressRange::parse(entry.trim()).ok_or_else(|| {
            Error::new(
                Code::InvalidAddressRange,
                format!(
                    "addressRanges: {shown} is not an address range. Write 203.0.113.0/24, 2001:db8::/32 or a single \
                     address.",
                    shown = quoted(&shown)
                ),
            )
        })?;
        // `10.0.0.1/24` may mean the network or the one address; a guess could let strangers in.
        let whole = AddressRange { address: range.address & range.mask(), ..range };
        if whole.address != range.address {
            let one = AddressRange { bits: 128, ..range };
            return Err(Error::new(
                Code::InvalidAddressRange,
                format!(
                    "addressRanges: {shown} has bits beyond its prefix. Write {} for the whole range, or {} for the \
                     single address.",
                    whole.to_text(),
                    one.to_text(),
                    shown = quoted(&shown)
                ),
            ));
        }
        // Canonical spelling, so that the same range written twice is kept once.
        let text = range.to_text();
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    Ok(kept)
}

/// Returns true if one of the ranges has the address. Without ranges every address is allowed; with ranges an unknown
/// one is not.
pub fn allows_address(ranges: &[String], address: Option<&str>) -> bool {
    let address = address.and_then(|text| address_bits(text.trim()));
    ranges.is_empty()
        || address.is_some_and(|address| {
            ranges.iter().filter_map(|text| AddressRange::parse(text)).any(|range| range.contains_address(address))
        })
}

/// Returns true if each of the ranges is inside one of `outer`. An empty list allows every address, so it is inside an
/// empty list only.
pub fn is_within(inner: &[String], outer: &[String]) -> bool {
    // A token may mint children only for addresses that are its own.
    let parsed = |ranges: &[String]| ranges.iter().filter_map(|text| AddressRange::parse(text)).collect::<Vec<_>>();
    let (all, around) = (parsed(inner), parsed(outer));
    // At most RANGES_MAX of each.
    outer.is_empty()
        || (!inner.is_empty()
            && all.len() == inner.len()
            && all
                .iter()
                .all(|one| around.iter().any(|range| one.bits >= range.bits && range.contains_address(one.address))))
}

/// Returns the key under which an address is counted: IPv4 as it is, IPv6 by its first 64 bits, because one client has
/// all addresses below them.
pub fn client_key(address: &str) -> String {
    let Some(address) = address_bits(address.trim()) else { return address.to_owned() };
    let range = AddressRange { address, bits: if address >> 32 == MAPPED { 128 } else { 64 } };
    AddressRange { address: address & range.mask(), ..range }.to_text()
}

/// The addresses that share the first `bits` bits of `address`.
#[derive(Clone, Copy)]
struct AddressRange {
    address: u128,
    bits: u32,
}

/// Reads an address into 128 bits, IPv4 as mapped in IPv6.
fn address_bits(text: &str) -> Option<u128> {
    Some(match text.parse().ok()? {
        IpAddr::V4(address) => MAPPED << 32 | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    })
}

/// The 96 bits before a mapped IPv4 address.
const MAPPED: u128 = 0xffff;

impl AddressRange {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, ""));
        let number = address_bits(address)?;
        // The prefix of an IPv4 range counts from its own first bit.
        let width = if address.contains(':') { 128 } else { 32 };
        let bits = match prefix {
            "" if text.len() > address.len() => return None,
            "" => width,
            // No sign, no leading zero.
            _ => prefix.parse().ok().filter(|bits: &u32| *bits <= width && bits.to_string() == prefix)?,
        };
        Some(Self { address: number, bits: bits + 128 - width })
    }

    fn mask(self) -> u128 {
        // A shift by all 128 bits would panic: `::/0` has no bit set.
        u128::MAX.checked_shl(128 - self.bits).unwrap_or(0)
    }

    /// Returns true if the range has the address. An IPv4 address is only in a range of IPv4 addresses: `::/0` means
    /// IPv6.
    fn contains_address(self, address: u128) -> bool {
        address & self.mask() == self.address && (address >> 32 != MAPPED || self.is_v4())
    }

    fn is_v4(self) -> bool {
        self.address >> 32 == MAPPED && self.bits >= 96
    }

    fn to_text(self) -> String {
        if self.is_v4() {
            // The lower half is the address.
            format!("{}/{}", Ipv4Addr::from(self.address as u32), self.bits - 96)
        } else {
            format!("{}/{}", Ipv6Addr::from(self.address), self.bits)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling() {
        for (entry, expected) in [
            ("203.0.113.0/24", Ok("203.0.113.0/24")),
            (" 203.0.113.7 ", Ok("203.0.113.7/32")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("2001:0DB8:0:0::/32", Ok("2001:db8::/32")),
            ("2001:db8::1", Ok("2001:db8::1/128")),
            ("::/0", Ok("::/0")),
            ("::ffff:10.0.0.0/104", Ok("10.0.0.0/8")),
            ("::ffff:10.1.2.3", Ok("10.1.2.3/32")),
            ("::ffff:0:0/95", Err("Write ::fffe:0:0/95 for the whole range")),
            (
                "10.1.2.3/8",
                Err(
                    "\"10.1.2.3/8\" has bits beyond its prefix. Write 10.0.0.0/8 for the whole range, or 10.1.2.3/32 for",
                ),
            ),
            ("2001:db8::1/64", Err("Write 2001:db8::/64 for the whole range, or 2001:db8::1/128 for")),
            ("10.0.0.0/33", Err("\"10.0.0.0/33\" is not an address range")),
            ("2001:db8::/129", Err("is not an address range")),
            ("10.0.0.0/", Err("is not an address range")),
            ("10.0.0.0/+8", Err("is not an address range")),
            ("10.0.0.0/08", Err("is not an address range")),
            ("10.0.0.0/255.0.0.0", Err("is not an address range")),
            ("10.0.0", Err("is not an address range")),
            ("010.0.0.1", Err("is not an address range")),
            ("fe80::1%eth0", Err("is not an address range")),
            ("example.com", Err("\"example.com\" is not an address range")),
            ("", Err("\"\" is not an address range")),
        ] {
            match (canonical_ranges(&["192.0.2.1".to_owned(), entry.to_owned()]), expected) {
                (Ok(kept), Ok(text)) => assert_eq!(kept, ["192.0.2.1/32", text]),
                (Err(error), Err(part)) => assert!(error.detail.contains(part), "{entry}: {error}"),
                (found, expected) => panic!("{entry}: {found:?}, wanted {expected:?}"),
            }
        }
        let twice = ["10.0.0.0/8", "::ffff:a00:0/104"].map(str::to_owned);
        assert_eq!(canonical_ranges(&twice).unwrap(), ["10.0.0.0/8"]);
        let many: Vec<String> = (0..51).map(|n| format!("10.0.0.{n}")).collect();
        assert!(canonical_ranges(&many).unwrap_err().detail.contains("51 entries"));
        assert_eq!(canonical_ranges(&many[..50]).unwrap().len(), 50);
    }

    #[test]
    fn who_is_inside() {
        for (ranges, address, expected) in [
            (&[][..], None, true),
            (&[], Some("198.51.100.7"), true),
            (&["203.0.113.0/24"], Some("203.0.113.255"), true),
            (&["203.0.113.0/24"], Some("::ffff:203.0.113.255"), true),
            (&["203.0.113.0/24"], Some("203.0.114.0"), false),
            (&["203.0.113.0/24"], Some("cb00:7100::"), false),
            (&["203.0.113.0/24"], None, false),
            (&["203.0.113.0/24"], Some("unknown"), false),
            (&["0.0.0.0/0"], Some("203.0.113.1"), true),
            (&["0.0.0.0/0"], Some("2001:db8::1"), false),
            (&["::/0"], Some("2001:db8::1"), true),
            (&["::/0"], Some("203.0.113.1"), false),
            (&["::/0"], Some("::ffff:203.0.113.1"), false),
            (&["10.0.0.0/8", "2001:db8::/33"], Some("2001:db8:7fff::1"), true),
            (&["10.0.0.0/8", "2001:db8::/33"], Some("2001:db8:8000::1"), false),
            (&["10.0.0.0/8", "2001:db8::/33"], Some("10.255.255.255"), true),
        ] {
            let ranges: Vec<String> = ranges.iter().map(|range| (*range).to_owned()).collect();
            assert_eq!(allows_address(&ranges, address), expected, "{address:?} in {ranges:?}");
        }
    }

    #[test]
    fn clients() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("unknown", "unknown"),
        ] {
            assert_eq!(client_key(address), expected, "{address}");
        }
    }

    proptest! {
        /// An address is inside if its first bits, written out, are those of the range.
        #[test]
        fn prefixes_are_compared_bit_by_bit(v4: bool, range: u128, bits in 0..=128_u32, flip in 0..130_u32) {
            let width = if v4 { 32 } else { 128 };
            let bits = bits.min(width);
            let range = if v4 { range & u128::from(u32::MAX) } else { range | 1 << 127 };
            let first = if bits == 0 { 0 } else { range >> (width - bits) << (width - bits) };
            let address = if flip < width { range ^ 1 << flip } else { range };
            let text = |number: u128| match v4 {
                true => Ipv4Addr::from(number as u32).to_string(),
                false => Ipv6Addr::from(number).to_string(),
            };
            let written = format!("{}/{bits}", text(first));
            let kept = canonical_ranges(std::slice::from_ref(&written)).unwrap();
            prop_assert_eq!(&kept, std::slice::from_ref(&written));
            let same = format!("{range:0width$b}", width = width as usize)[..bits as usize]
                == format!("{address:0width$b}", width = width as usize)[..bits as usize];
            prop_assert_eq!(allows_address(&kept, Some(&text(address))), same, "{} in {}", text(address), written);
        }
    }
}
