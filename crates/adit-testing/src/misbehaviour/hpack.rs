//! HTTP/2 clients that misuse header compression: RFC 7541.

use super::{
    Misbehaviour, Peer, Seen, Sight, Target,
    frame::{CONTINUATION, END_HEADERS, END_STREAM, HEADERS, field, frame, get, integer},
    frames::tell,
    raw::SOON,
};

pub(super) const ALL: &[Misbehaviour] = &[
    Misbehaviour {
        name: "hpack-malformed",
        peer: Peer::Client,
        does: "sends numbers that overflow, indices beyond every table, texts longer than the frame, and wrong Huffman codes",
        outcome: &[Seen::GoAway(9), Seen::GoAway(1)],
        bound: "the session ends: its tables can no longer agree",
        run: |target| Box::pin(malformed(target)),
    },
    Misbehaviour {
        name: "hpack-table-sizes",
        peer: Peer::Client,
        does: "changes the size of the dynamic table past its limit, in the middle of a head, and 10,000 times",
        outcome: &[Seen::GoAway(9), Seen::GoAway(1), Seen::Status(200)],
        bound: "4 KiB of table",
        run: |target| Box::pin(table_sizes(target)),
    },
    Misbehaviour {
        name: "hpack-bomb",
        peer: Peer::Client,
        does: "puts 4,000 bytes into the table and names them 16,000 times in one head, on 20 streams",
        outcome: &[
            Seen::Status(431),
            Seen::Reset(1),
            Seen::Reset(11),
            Seen::GoAway(11),
            Seen::GoAway(1),
        ],
        bound: "`http.max_header_bytes` after decompression",
        run: |target| Box::pin(bomb(target)),
    },
    Misbehaviour {
        name: "hpack-many-fields",
        peer: Peer::Client,
        does: "sends heads of 30,000 one-byte references, which are empty fields or crumbs of cookies",
        outcome: &[
            Seen::Status(431),
            Seen::Reset(1),
            Seen::GoAway(11),
            Seen::GoAway(1),
        ],
        bound: "`http.max_header_bytes`, which counts 32 bytes a field, and `http.max_headers`",
        run: |target| Box::pin(many_fields(target)),
    },
    Misbehaviour {
        name: "hpack-huge-literal",
        peer: Peer::Client,
        does: "announces a value of 256 MiB and sends it in CONTINUATION frames",
        outcome: &[Seen::GoAway(11), Seen::GoAway(9), Seen::GoAway(1), Seen::Closed],
        bound: "a few frames more than `http.max_header_bytes` fills",
        run: |target| Box::pin(huge_literal(target)),
    },
];

fn head(id: u32, fields: &[u8]) -> Vec<u8> {
    if fields.len() <= 16_384 {
        return frame(HEADERS, END_HEADERS | END_STREAM, id, fields);
    }
    let mut pieces = fields.chunks(16_384).peekable();
    let mut frames = frame(HEADERS, END_STREAM, id, pieces.next().unwrap_or_default());
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(frame(CONTINUATION, flags, id, piece));
    }
    frames
}

async fn malformed(target: &Target) -> Sight {
    let plain = get(&target.host, "/bytes/1");
    let fields: [&[u8]; 9] = [
        // A number of 80 bits.
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        // Index zero, and one beyond both tables.
        &[0x80],
        &[0xfe],
        // A name of 100 bytes, of which three are there.
        &[0x00, 0x64, b'a', b'b', b'c'],
        // A packed text of ones, which is the code for its end; and padding of zeros.
        &[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, b'x'],
        &[0x00, 0x81, 0x00, 0x01, b'x'],
        // A number cut short.
        &[0x7f],
        &[0x00],
    ];
    let mut sight = Sight::new();
    for bad in fields {
        sight.extend(tell(target, &head(1, &[&plain[..], bad].concat()), SOON).await);
    }
    sight
}

async fn table_sizes(target: &Target) -> Sight {
    let plain = get(&target.host, "/bytes/1");
    let size = |size| {
        let mut out = Vec::new();
        integer(&mut out, 0x20, 5, size);
        out
    };
    let cases = [
        [size(4097), plain.clone()].concat(),
        [size(usize::MAX / 2), plain.clone()].concat(),
        [plain.clone(), size(0)].concat(),
        [size(0).repeat(10_000), plain.clone()].concat(),
        [size(0), size(4096), plain].concat(),
    ];
    let mut sight = Sight::new();
    for case in cases {
        sight.extend(tell(target, &head(1, &case), std::time::Duration::from_secs(1)).await);
    }
    sight
}

async fn bomb(target: &Target) -> Sight {
    let plain = get(&target.host, "/bytes/1");
    // Into the dynamic table, where it has index 62.
    let mut planted = vec![0x40];
    integer(&mut planted, 0, 7, 1);
    planted.push(b'x');
    integer(&mut planted, 0, 7, 4000);
    planted.extend([b'v'; 4000]);
    let first = head(1, &[&plain[..], &planted].concat());
    let bombs = (3..)
        .step_by(2)
        .take(20 * target.scale)
        .flat_map(|id| head(id, &[&plain[..], &[0xbe; 16_000]].concat()));
    let all: Vec<u8> = first.into_iter().chain(bombs).collect();
    let mut sight = tell(target, &all, SOON).await;
    // The one that planted it.
    sight.remove(&Seen::Status(200));
    sight
}

async fn many_fields(target: &Target) -> Sight {
    let plain = get(&target.host, "/bytes/1");
    let mut sight = Sight::new();
    // accept-charset and cookie, both with an empty value.
    for reference in [0x8f, 0xa0] {
        let fields = [&plain[..], &[reference; 30_000]].concat();
        sight.extend(tell(target, &head(1, &fields), SOON).await);
    }
    sight
}

async fn huge_literal(target: &Target) -> Sight {
    let mut fields = get(&target.host, "/");
    fields.extend(field(b"x", b""));
    // Without the empty value's length.
    fields.pop();
    integer(&mut fields, 0, 7, 256 << 20);
    let begun = frame(HEADERS, END_STREAM, 1, &fields);
    let rest = frame(CONTINUATION, 0, 1, &[b'v'; 16_384]).repeat(2000);
    tell(target, &[begun, rest].concat(), 2 * SOON).await
}
