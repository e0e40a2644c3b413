//! Which addresses are servers on the internet: none of the phone's own network, of the phone itself, or of nobody.
//!
//! After IANA's registries of special-purpose addresses (RFC 6890, RFC 8190): "IPv4 Special-Purpose Address Registry" and
//! "IPv6 Special-Purpose Address Registry", as of 2025; with multicast (RFC 5771, RFC 4291 §2.7), the class E block, and
//! the IPv6 forms that carry an IPv4 address, of which that address decides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 blocks that are not globally reachable, each with the length of its prefix.
const NOWHERE_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),       // this network, RFC 791
    ([10, 0, 0, 0], 8),      // private use, RFC 1918
    ([100, 64, 0, 0], 10),   // a carrier's own, RFC 6598
    ([127, 0, 0, 0], 8),     // loopback, RFC 1122
    ([169, 254, 0, 0], 16),  // link-local, RFC 3927
    ([172, 16, 0, 0], 12),   // private use, RFC 1918
    ([192, 0, 0, 0], 24),    // protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24),    // documentation, RFC 5737
    ([192, 88, 99, 0], 24),  // 6to4 relay anycast, deprecated by RFC 7526
    ([192, 168, 0, 0], 16),  // private use, RFC 1918
    ([198, 18, 0, 0], 15),   // benchmarking, RFC 2544
    ([198, 51, 100, 0], 24), // documentation, RFC 5737
    ([203, 0, 113, 0], 24),  // documentation, RFC 5737
    ([224, 0, 0, 0], 4),     // multicast, RFC 5771
    ([240, 0, 0, 0], 4),     // reserved, RFC 1112; limited broadcast, RFC 919
];

/// Within them, what is.
const SOMEWHERE_V4: [([u8; 4], u32); 2] = [
    ([192, 0, 0, 9], 32),  // Port Control Protocol anycast, RFC 7723
    ([192, 0, 0, 10], 32), // TURN anycast, RFC 8155
];

/// IPv6 blocks that are not globally reachable.
const NOWHERE_V6: [([u16; 8], u32); 13] = [
    ([0, 0, 0, 0, 0, 0, 0, 0], 8), // unspecified, loopback, IPv4-compatible and others of 0000::/8
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), // local NAT64, RFC 8215
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64), // discard only, RFC 6666
    ([0x100, 0, 0, 1, 0, 0, 0, 0], 64), // dummy prefix, RFC 9780
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments, RFC 2928; Teredo is among them, RFC 4380
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation, RFC 3849
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4, RFC 3056
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation, RFC 9637
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), // segment identifiers, RFC 9602
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), // unique local, RFC 4193
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), // link-local, RFC 4291
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), // site-local, deprecated by RFC 3879
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), // multicast, RFC 4291
];

/// Within them, what is.
const SOMEWHERE_V6: [([u16; 8], u32); 7] = [
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128),    // Port Control Protocol anycast, RFC 7723
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128),    // TURN anycast, RFC 8155
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128),    // DNS-SD registration anycast, RFC 9665
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32),     // AMT, RFC 7450
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48), // AS112-v6, RFC 7535
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),  // ORCHIDv2, RFC 7343
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28),  // drone remote identification, RFC 9374
];

/// NAT64's well-known prefix (RFC 6052 §2.1): how a phone in a network without IPv4 reaches servers that have nothing
/// else.
const NAT64: ([u16; 8], u32) = ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Whether an address is one of a server on the internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let within = |(block, length): &([u8; 4], u32)| {
                let differs = u32::from(address) ^ u32::from(Ipv4Addr::from(*block));
                differs.leading_zeros() >= *length
            };
            SOMEWHERE_V4.iter().any(within) || !NOWHERE_V4.iter().any(within)
        }
        IpAddr::V6(address) => {
            let within = |(block, length): &([u16; 8], u32)| {
                let differs = u128::from(address) ^ u128::from(Ipv6Addr::from(*block));
                differs.leading_zeros() >= *length
            };
            if within(&NAT64) {
                let [.., a, b, c, d] = address.octets();
                return is_public(Ipv4Addr::new(a, b, c, d).into());
            }
            SOMEWHERE_V6.iter().any(within) || !NOWHERE_V6.iter().any(within)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(text: &str) -> bool {
        is_public(text.parse().expect("an address"))
    }

    /// The blocks of both of IANA's registries, each with its column "Globally Reachable": the first and the last address of
    /// each. N/A counts as no.
    const REGISTRY: &[(&str, &str, bool)] = &[
        ("0.0.0.0", "0.255.255.255", false),
        ("10.0.0.0", "10.255.255.255", false),
        ("100.64.0.0", "100.127.255.255", false),
        ("127.0.0.0", "127.255.255.255", false),
        ("169.254.0.0", "169.254.255.255", false),
        ("172.16.0.0", "172.31.255.255", false),
        ("192.0.0.0", "192.0.0.8", false),
        ("192.0.0.9", "192.0.0.10", true),
        ("192.0.0.170", "192.0.0.171", false),
        ("192.0.2.0", "192.0.2.255", false),
        ("192.31.196.0", "192.31.196.255", true),
        ("192.52.193.0", "192.52.193.255", true),
        ("192.88.99.0", "192.88.99.255", false),
        ("192.168.0.0", "192.168.255.255", false),
        ("192.175.48.0", "192.175.48.255", true),
        ("198.18.0.0", "198.19.255.255", false),
        ("198.51.100.0", "198.51.100.255", false),
        ("203.0.113.0", "203.0.113.255", false),
        ("240.0.0.0", "255.255.255.255", false),
        ("::1", "::1", false),
        ("::", "::", false),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", false),
        ("100::", "100::ffff:ffff:ffff:ffff", false),
        ("100:0:0:1::", "100::1:ffff:ffff:ffff:ffff", false),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:1::1", "2001:1::3", true),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", true),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
    ];

    #[test]
    fn each_block_of_iana_s_registries_is_reached_or_not_as_they_say() {
        for (first, last, reachable) in REGISTRY {
            assert_eq!(public(first), *reachable, "{first}");
            assert_eq!(public(last), *reachable, "{last}");
        }
    }

    #[test]
    fn what_stands_beside_a_block_is_the_internet() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "1.1.1.1",
            "2606:4700::1111",
            "2001:200::",
            "2003::",
            "2400:3200::1",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn multicast_site_local_and_addresses_within_addresses_lead_nowhere_or_where_they_lead() {
        for nowhere in [
            "224.0.0.1",
            "239.255.255.255",
            "ff02::1",
            "fec0::1",
            "feff::1",
            // IPv4-mapped, IPv4-compatible, NAT64, 6to4 and Teredo forms of private addresses.
            "::ffff:192.168.0.1",
            "::ffff:127.0.0.1",
            "::192.168.0.1",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:c0a8:1::",
            "2001:0:c0a8:1::1",
            "::ffff:0:192.168.0.1",
        ] {
            assert!(!public(nowhere), "{nowhere}");
        }
        for somewhere in ["::ffff:1.1.1.1", "64:ff9b::1.1.1.1"] {
            assert!(public(somewhere), "{somewhere}");
        }
    }
}
