//! Security protocols, traffic selector types and IP protocols.

use super::registry;

registry! {
    /// The protocol a proposal, a notify or a delete speaks of (RFC 7296 §3.3.1).
    Protocol(u8) {
        NONE = 0;
        IKE = 1;
        AH = 2;
        ESP = 3;
        FC_ESP_HEADER = 4;
        FC_CT_AUTHENTICATION = 5;
        GIKE_UPDATE = 6;
    }
}

registry! {
    /// The form of one traffic selector (RFC 7296 §3.13.1).
    TsType(u8) {
        TS_IPV4_ADDR_RANGE = 7;
        TS_IPV6_ADDR_RANGE = 8;
        TS_FC_ADDR_RANGE = 9;
        TS_SECLABEL = 10;
    }
}

registry! {
    /// What an IP packet carries. In a traffic selector 0 means any protocol; as the next header
    /// of IPv6 it means hop-by-hop options.
    IpProtocol(u8) {
        ANY = 0, "any";
        ICMP = 1, "icmp";
        IGMP = 2, "igmp";
        IPV4 = 4, "ipv4";
        TCP = 6, "tcp";
        UDP = 17, "udp";
        IPV6 = 41, "ipv6";
        IPV6_ROUTE = 43, "ipv6-route";
        IPV6_FRAGMENT = 44, "ipv6-frag";
        GRE = 47, "gre";
        ESP = 50, "esp";
        AH = 51, "ah";
        ICMPV6 = 58, "ipv6-icmp";
        IPV6_NO_NEXT = 59, "ipv6-nonxt";
        IPV6_OPTIONS = 60, "ipv6-opts";
        OSPF = 89, "ospf";
        L2TP = 115, "l2tp";
        SCTP = 132, "sctp";
        MOBILITY = 135, "mobility";
        AGGFRAG = 144, "aggfrag";
    }
}
