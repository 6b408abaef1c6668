//! One very large file goes in and comes out; the server never holds more than a small part of it.

use crate::server::Server;
use crate::traces::{forget_peak, memory};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::{Body, Method};
use serde_json::json;
use std::time::{Duration, Instant};

const FILE_BYTES: u64 = 1 << 30;
const PIECE_BYTES: usize = 1 << 20;
/// How much more memory the server may take meanwhile, in KiB.
const GROWTH_KIB_MAX: u64 = 64 << 10;

/// Bytes that differ from piece to piece.
fn piece(at: u64) -> Bytes {
    let mut bytes = vec![(at % 251) as u8; PIECE_BYTES];
    bytes[..8].copy_from_slice(&at.to_le_bytes());
    Bytes::from(bytes)
}

#[tokio::test]
async fn a_gibibyte_goes_in_and_comes_out() {
    let Some(server) = Server::start(&[]) else { return };
    let limits = json!({"memory_bytes": 3u64 << 30, "disk_bytes": 2u64 << 30});
    let (status, made) = server.post("/v1/sandboxes", json!({ "limits": limits })).await;
    assert_eq!(status, 201, "{made}");
    let place = format!("/v1/sandboxes/{}/files/large.bin", crate::server::text(&made, "id"));
    let pid = server.child.id();
    let (before, _) = memory(pid);

    forget_peak(pid);
    let began = Instant::now();
    let pieces = (0..FILE_BYTES / PIECE_BYTES as u64).map(piece);
    let pieces = stream::iter(pieces.map(|piece| Ok::<_, std::io::Error>(Frame::data(piece))));
    let upload = server.request(Method::PUT, &place).timeout(Duration::from_secs(300));
    let answer = upload.body(Body::wrap(StreamBody::new(pieces))).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let (up, after_upload) = (began.elapsed(), memory(pid).1);

    forget_peak(pid);
    let began = Instant::now();
    let download = server.request(Method::GET, &place).timeout(Duration::from_secs(300));
    let mut answer = download.send().await.unwrap();
    assert_eq!(answer.headers()["content-length"], FILE_BYTES.to_string());
    let (mut at, mut rest) = (0, bytes::BytesMut::new());
    while let Some(bytes) = answer.chunk().await.unwrap() {
        rest.extend_from_slice(&bytes);
        while rest.len() >= PIECE_BYTES {
            assert!(rest.split_to(PIECE_BYTES) == piece(at), "piece {at}");
            at += 1;
        }
    }
    assert!(at == FILE_BYTES / PIECE_BYTES as u64 && rest.is_empty());
    let (down, after_download) = (began.elapsed(), memory(pid).1);
    eprintln!(
        "1 GiB up in {up:.1?}, down in {down:.1?}; memory {} MiB before, at most {} MiB and {} MiB",
        before >> 10,
        after_upload >> 10,
        after_download >> 10
    );
    for peak in [after_upload, after_download] {
        assert!(peak < before + GROWTH_KIB_MAX, "{peak} KiB, {before} KiB before");
    }
}
