//! Addresses that mean something special, in every form in which IPv6 can hold them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Reason;

/// Where clouds keep what a machine may know, its credentials among it, beside link-local addresses.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254), // most clouds
    Ipv4Addr::new(169, 254, 170, 2),   // containers of AWS
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba Cloud
    Ipv4Addr::new(168, 63, 129, 16),   // Azure's host
];

/// The same in IPv6.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), // Google Cloud
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), // Oracle Cloud
];

/// The address itself, and an IPv4 address that it holds: whichever of the two a network takes it
/// for, it must be harmless.
pub(super) fn forms(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let held = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => held(address),
    };
    std::iter::once(address).chain(held.map(IpAddr::V4))
}

/// The IPv4 address in an IPv6 one: mapped, compatible, translated, behind NAT64, 6to4 or Teredo.
fn held(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0, _, _, _, _, high, low] => v4(!high, !low),
        _ => None,
    }
}

/// Why this address is not called, if it is special by itself.
pub(super) fn reason(address: IpAddr) -> Option<Reason> {
    match address {
        IpAddr::V4(address) => reason_v4(address),
        IpAddr::V6(address) => reason_v6(address),
    }
}

fn reason_v4(address: Ipv4Addr) -> Option<Reason> {
    if METADATA_V4.contains(&address) {
        Some(Reason::Metadata)
    } else if address.is_link_local() {
        Some(Reason::LinkLocal)
    } else if address.octets()[0] == 0 {
        Some(Reason::Unspecified)
    } else if address.is_multicast() {
        Some(Reason::Multicast)
    } else if address.is_broadcast() {
        Some(Reason::Broadcast)
    } else {
        None
    }
}

fn reason_v6(address: Ipv6Addr) -> Option<Reason> {
    // AWS keeps all of its services for machines in this network.
    let is_of_aws = address.segments()[..2] == [0xfd00, 0xec2];
    if is_of_aws || METADATA_V6.contains(&address) {
        Some(Reason::Metadata)
    } else if address.is_unicast_link_local() {
        Some(Reason::LinkLocal)
    } else if address.is_unspecified() {
        Some(Reason::Unspecified)
    } else if address.is_multicast() {
        Some(Reason::Multicast)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Option<Reason> {
        forms(address.parse().unwrap()).find_map(reason)
    }

    #[test]
    fn special_addresses_are_known_in_every_form() {
        let cases = [
            (Reason::Metadata, "169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16"),
            (Reason::Metadata, "fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe"),
            (Reason::Metadata, "::ffff:169.254.169.254 ::169.254.169.254 ::ffff:0:169.254.169.254"),
            (Reason::Metadata, "64:ff9b::169.254.169.254 64:ff9b:1::a9fe:a9fe"),
            (Reason::Metadata, "2002:a9fe:a9fe:: 2002:a9fe:a9fe:1::5"),
            (Reason::Metadata, "2001:0:1:2:3:4:5601:5601"),
            (Reason::LinkLocal, "169.254.0.1 169.254.255.255 fe80::1 febf::1 ::ffff:169.254.1.1"),
            (Reason::Unspecified, "0.0.0.0 0.1.2.3 :: ::ffff:0.0.0.0 ::2 64:ff9b::"),
            (Reason::Multicast, "224.0.0.1 239.255.255.255 ff02::1 ::ffff:224.0.0.251"),
            (Reason::Broadcast, "255.255.255.255 ::ffff:255.255.255.255"),
        ];
        for (reason, addresses) in cases {
            for address in addresses.split(' ') {
                assert_eq!(of(address), Some(reason), "{address}");
            }
        }
    }

    #[test]
    fn ordinary_addresses_are_not_special() {
        let ordinary = "127.0.0.1 127.9.9.9 10.0.0.1 192.168.1.1 172.16.0.1 100.64.0.1 8.8.8.8 \
                        169.253.255.255 169.255.0.1 168.63.129.17 100.100.100.201 ::1 \
                        2001:db8::1 fd00::1 fec0::1 ::ffff:127.0.0.1 64:ff9b::8.8.8.8 \
                        2002:808:808::1 2a00:1450::1";
        for address in ordinary.split_whitespace() {
            assert_eq!(of(address), None, "{address}");
        }
    }
}
