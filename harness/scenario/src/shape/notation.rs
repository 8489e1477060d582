//! The notations of single values.

use super::{Form, Notation};

pub(crate) const DURATION: Form = Form::Written(&Notation::new(
    "duration",
    "A number and a unit, or several: 500ms, 120s, 1h30m. The units are us, ms, s, m, h and d; 0s is a duration, 0 is none.",
    "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d))+$",
));
pub(crate) const SHARE: Form = Form::Written(
    &Notation::new(
        "share",
        "A share of 1, or of a hundred: 0.2 or 20%.",
        "^([0-9]+(\\.[0-9]+)?%|0(\\.[0-9]+)?|1(\\.0+)?)$",
    )
    .or_number(),
);
pub(crate) const PERCENT: Form =
    Form::Written(&Notation::new("percent", "A share of a hundred: \"90%\".", "^[0-9]+ *%$"));
pub(crate) const TEXT: Form = Form::Written(&Notation::new("text", "Any text.", "").or_number());
pub(crate) const SLUG: Form = Form::Written(&Notation::new(
    "name",
    "Small letters and digits, joined by `-`: ike-rekey.",
    "^[a-z0-9]+(-[a-z0-9]+)*$",
));
pub(crate) const TAG: Form = Form::Written(&Notation::new("tag", "A word: rekey.", "").or_number());
pub(crate) const REQUIREMENT: Form = Form::Written(&Notation::new(
    "requirement",
    "An id of scenarios/requirements/requirements.csv, or a section for all of its rows: R7296-2.1-03, R7296-2.8.",
    "^[RN][0-9]{4,5}-([0-9]+|[A-Z])(\\.[0-9]+)*(-[0-9]{2})?$",
));
pub(crate) const CASE: Form = Form::Written(&Notation::new(
    "case",
    "An id of scenarios/requirements/catalogue.csv: COLL-CC-08.",
    "^[A-Z]+(-[A-Z0-9]+)*-[0-9]{2}[a-z]?$",
));
pub(crate) const SEEDS: Form = Form::Written(
    &Notation::new(
        "seeds",
        "A number, or the first and the last of several: 7, 1..200.",
        "^[0-9]+( *\\.\\. *[0-9]+)?$",
    )
    .or_number(),
);
pub(crate) const PARAMETER: Form = Form::Written(&Notation::new(
    "parameter",
    "A name for a value that differs from cell to cell; `${name}` stands for it anywhere below.",
    "",
));
pub(crate) const HOST: Form = Form::Written(&Notation::new(
    "host",
    "The name of a host: a letter, then letters, digits, `-` and `_`.",
    "^[A-Za-z][A-Za-z0-9_-]*$",
));
pub(crate) const IFACE_NAME: Form = Form::Written(
    &Notation::new("interface", "The name of an interface of a host: wan.", "").or_number(),
);
pub(crate) const IFACE: Form = Form::Written(&Notation::new(
    "interface of a host",
    "HOST.INTERFACE: R1.wan.",
    "^[A-Za-z][A-Za-z0-9_-]*\\..+$",
));
pub(crate) const LINK: Form = Form::Written(
    &Notation::new("link", "The name of a link under `net: links:`.", "").or_number(),
);
pub(crate) const TUNNEL: Form = Form::Written(
    &Notation::new("tunnel", "The name of a tunnel under `tunnels:`.", "").or_number(),
);
pub(crate) const CHILD: Form = Form::Written(&Notation::new(
    "child",
    "The name of a child, with that of its tunnel where several tunnels have such a child: net, site.net.",
    "",
).or_number());
pub(crate) const PREFIX: Form = Form::Written(&Notation::new(
    "prefix",
    "An address and the length of its prefix: 192.168.1.0/24, fd00::/64.",
    "^[0-9a-fA-F:.]+(/[0-9]{1,3})?$",
));
pub(crate) const SELECTOR: Form = Form::Written(&Notation::new(
    "selector",
    "A network or a range, with protocol and ports where not all are meant: 192.168.1.0/24, \
     10.0.0.5-10.0.0.9, 10.0.0.0/8[udp/53], [tcp/1000-2000], [tcp/opaque], [icmp/8], [icmp/3.1].",
    "^[0-9a-fA-F:.]+(/[0-9]{1,3}|-[0-9a-fA-F:.]+)?(\\[[0-9a-z-]+(/[0-9a-z.-]+)?\\])?$",
));
pub(crate) const ROUTE: Form = Form::Written(&Notation::new(
    "route",
    "A network, or `default`, and the next hop: 10.0.0.0/8 via 10.1.0.1.",
    "^(default|[0-9a-fA-F:.]+(/[0-9]{1,3})?) via [0-9a-fA-F:.]+$",
));
pub(crate) const PROPOSAL: Form = Form::Written(&Notation::new(
    "proposal",
    "Algorithms joined by `-`: aes256-sha256-x25519, aes256gcm16-prfsha384-ecp384.",
    "",
));
pub(crate) const GROUP: Form = Form::Written(&Notation::new(
    "key exchange",
    "A key exchange method: x25519, ecp256, modp2048.",
    "",
));
pub(crate) const IDENTITY: Form = Form::Written(
    &Notation::new(
        "identity",
        "An address, a domain name or user@domain; the type of the ID payload follows from it, or \
         stands before it: fqdn:10.0.0.1, rfc822:a@b, key-id:x.",
        "",
    )
    .or_number(),
);
pub(crate) const VOLUME: Form = Form::Written(&Notation::new(
    "volume",
    "A number and B, kB, MB or GB: 4608000kB.",
    "^[0-9]+ *(B|kB|MB|GB)$",
));
pub(crate) const RATE: Form = Form::Written(&Notation::new(
    "rate",
    "Bits each second, a number and bit, kbit, Mbit or Gbit: 10Mbit.",
    "^[0-9]+ *[kMG]?bit$",
));
pub(crate) const SPEED: Form = Form::Number(0.001, 1000.0);
pub(crate) const JUMP: Form = Form::Written(&Notation::new(
    "jump",
    "A duration, or one with a minus before it: 1h, -1h.",
    "^-?([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d))+$",
));
pub(crate) const ROOM: Form = Form::Written(&Notation::new(
    "room",
    "What may wait: 50 packets, or a volume, 64kB.",
    "^[0-9]+ *(packets?|B|kB|MB|GB)$",
));
pub(crate) const VOLUME_BOUND: Form = Form::Written(&Notation::new(
    "bound on a volume",
    "A sign, which may be missing, and a volume: \"== 1MB\".",
    "^(<=|>=|==|!=|<|>)? *[0-9]+ *(B|kB|MB|GB)$",
));
pub(crate) const RATE_BOUND: Form = Form::Written(&Notation::new(
    "bound on a rate",
    "A sign, which may be missing, and a rate: \">= 10Mbit\".",
    "^(<=|>=|==|!=|<|>)? *[0-9]+ *[kMG]?bit$",
));
pub(crate) const TIME_BOUND: Form = Form::Written(&Notation::new(
    "bound on a time",
    "A sign, which may be missing, and a duration: \"<= 30ms\".",
    "^(<=|>=|==|!=|<|>)? *[0-9].*$",
));
pub(crate) const HEX: Form = Form::Written(
    &Notation::new("octets", "Hex digits in pairs, with or without 0x: \"00ff\", 0xff.", "")
        .or_number(),
);
pub(crate) const PIN_POINT: Form = Form::Written(&Notation::new(
    "pin point",
    "[HOST.][req.|resp.]EXCHANGE.(spi|nonce|ke)[[index]]: R1.IKE_SA_INIT.spi, CREATE_CHILD_SA.nonce[0].",
    "^.+\\.(spi|nonce|ke)(\\[[0-9]+\\])?$",
));
pub(crate) const MESSAGE: Form = Form::Written(&Notation::new(
    "message pattern",
    "HOST -> HOST EXCHANGE [req|resp|*] [properties] [{payloads}]: R1 -> R2 IKE_AUTH req mid=1.",
    "",
));
pub(crate) const CRAFT: Form = Form::Written(&Notation::new(
    "message by hand",
    "HOST -> HOST EXCHANGE [req|resp] [properties] {payloads}: R2 -> R1 IKE_SA_INIT resp {N(COOKIE) len=65}.",
    "",
));
pub(crate) const EDIT: Form = Form::Written(&Notation::new(
    "edit",
    "set FIELD = VALUE, insert PAYLOAD [before|after PAYLOAD], remove, swap, copy, truncate N, append HEX, flip-bit N, repeat, honest-copy, keep-icv, nest, sign, cut N, whole, send N.., fragment N EDIT, mutate N; several with semicolons between them.",
    "",
));
pub(crate) const LADDER: Form = Form::Written(&Notation::new(
    "ladder",
    "A `|` block with a line for each message, all beginning in one column.",
    "",
));
pub(crate) const CONDITION: Form = Form::Written(&Notation::new(
    "condition",
    "An expression such as count(R1.ike, state=established) == 1, or a property such as no_cleartext(site.net).",
    "",
));
pub(crate) const EXPRESSION: Form = Form::Written(&Notation::new(
    "expression",
    "A comparison of values of the run: R1.child(net).state == installed.",
    "",
));
pub(crate) const AFTER: Form =
    Form::Written(&Notation::new("moment", "A message pattern, step(name) or fault(name).", ""));
pub(crate) const FLOW: Form = Form::Written(&Notation::new(
    "flow",
    "HOST.INTERFACE -> HOST.INTERFACE, as in a step that sends.",
    "^.+ -> .+$",
));
pub(crate) const LIMIT: Form = Form::Written(
    &Notation::new(
        "number or bound",
        "A number, or a sign and a number: 5, \"<= 1\".",
        "^(<=|>=|==|!=|<|>)? *[0-9]+$",
    )
    .or_number(),
);
pub(crate) const FLOW_PATTERN: Form = Form::Written(&Notation::new(
    "flow pattern",
    "A character for each request: `!` answered, `.` lost, `U` answered by an ICMP unreachable.",
    "^[!.U]+$",
));
pub(crate) const VIEW: Form = Form::Written(&Notation::new(
    "view",
    "ladder, transcript(R1), transcript(R1, 100s..115s), sas(R1, 10s), stats(R1), stats(R1, 10s).",
    "^(ladder|(transcript|sas|stats)\\(.+\\))$",
));
pub(crate) const ROW: Form = Form::Written(&Notation::new(
    "row",
    "A row of the exchange table: an exchange, or N(NOTIFY_NAME), or a kind of packet.",
    "",
));
