//! Files over HTTP: whole, in parts, in directories, in forms and archives.

use crate::server::{Server, json};
use reqwest::{Method, Response};
use serde_json::json;

async fn put(server: &Server, path: &str, bytes: Vec<u8>) -> u16 {
    json(server.request(Method::PUT, path).body(bytes).send().await.unwrap()).await.0
}

async fn read(server: &Server, path: &str, header: (&str, &str)) -> Response {
    server.request(Method::GET, path).header(header.0, header.1).send().await.unwrap()
}

#[tokio::test]
async fn files_go_in_and_come_out() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
    let place = format!("{sandbox}/files/d/größe 1.bin");
    assert_eq!(put(&server, &place, bytes.clone()).await, 201);
    let whole = read(&server, &place, ("x-none", "")).await;
    assert_eq!(whole.headers()["content-length"], bytes.len().to_string());
    let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = read(&server, &place, ("range", "bytes=1000000-1000009")).await;
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()),
        (206, "bytes 1000000-1000009/3000000")
    );
    assert_eq!(part.bytes().await.unwrap(), bytes[1_000_000..1_000_010]);
    assert_eq!(read(&server, &place, ("range", "bytes=3000000-")).await.status(), 416);
    assert_eq!(read(&server, &place, ("if-none-match", &tag)).await.status(), 304);
    assert_eq!(put(&server, &place, b"new".to_vec()).await, 201);
    assert_eq!(read(&server, &place, ("if-none-match", &tag)).await.status(), 200);

    let script = format!("{sandbox}/files/run.sh?mode=755");
    assert_eq!(put(&server, &script, b"#!/bin/sh\necho ran".to_vec()).await, 201);
    let (_, ran) = server.post(&format!("{sandbox}/commands"), json!({"command": "./run.sh"})).await;
    assert_eq!(ran["stdout"], "ran\n");
    let rows = [
        ("nope", 404),
        ("d", 409),
        ("/etc/hostname", 200),
        ("../../etc/shadow", 404),
        ("d?list&depth=0", 400),
        ("d?archive=zip", 400),
    ];
    for (path, status) in rows {
        assert_eq!(server.get(&format!("{sandbox}/files/{path}")).await.0, status, "{path}");
    }
    assert_eq!(put(&server, &format!("{sandbox}/files//etc/x"), vec![1]).await, 403);
    assert_eq!(put(&server, &format!("{sandbox}/files/x?mode=999"), vec![1]).await, 400);
}

#[tokio::test]
async fn directories_are_made_moved_listed_and_removed() {
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let at = |path: &str| format!("{sandbox}/files{path}");
    let act =
        async |path: &str| server.request(Method::POST, &at(path)).send().await.unwrap().status().as_u16();
    assert_eq!(act("/a/b?mkdir").await, 201);
    assert_eq!(put(&server, &at("/a/b/c.txt"), b"c".to_vec()).await, 201);
    assert_eq!(act("/a/b?move=z").await, 204);
    assert_eq!(act("/a/b?move=z").await, 404);
    assert_eq!(act("/a?mkdir&move=x").await, 400);
    assert_eq!(act("/a").await, 400);
    let (_, list) = server.get(&at("?list&depth=9")).await;
    let mut paths: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    paths.sort();
    assert_eq!(paths, ["a", "z", "z/c.txt"]);
    assert_eq!(server.get(&at("/z/c.txt?stat")).await.1["size"], 1);

    let form = "--x\r\ncontent-disposition: form-data; name=f; filename=\"one.txt\"\r\n\r\n1\r\n\
                --x\r\ncontent-disposition: form-data; name=g; filename=\"two.txt\"\r\n\r\n22\r\n--x--\r\n";
    let send = async |form: String| {
        let ask = server
            .request(Method::POST, &at("/up"))
            .header("content-type", "multipart/form-data; boundary=x");
        json(ask.body(form).send().await.unwrap()).await
    };
    let (status, written) = send(form.to_owned()).await;
    assert_eq!((status, &written["items"][1]), (201, &json!({"path": "up/two.txt", "size": 2})));
    assert_eq!(send(form.replace("two.txt", "../two.txt")).await.0, 400);

    let archive =
        server.request(Method::GET, &at("?archive=tar")).send().await.unwrap().bytes().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tar"), &archive).unwrap();
    let unpacked =
        std::process::Command::new("tar").args(["xf", "a.tar"]).current_dir(&folder).status().unwrap();
    assert!(unpacked.success());
    assert_eq!(std::fs::read_to_string(folder.path().join("up/two.txt")).unwrap(), "22");
    assert_eq!(std::fs::read_to_string(folder.path().join("z/c.txt")).unwrap(), "c");

    assert_eq!(server.delete(&at("/up")).await.0, 204);
    assert_eq!(server.delete(&at("/up")).await.0, 404);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    use std::io::Write;
    let Some(server) = Server::start(&[]) else { return };
    let sandbox = server.sandbox().await;
    let mut socket = std::net::TcpStream::connect(&server.address).unwrap();
    write!(
        socket,
        "PUT {sandbox}/files/half HTTP/1.1\r\nhost: {}\r\ncontent-length: 1000000\r\n\r\n",
        server.address
    )
    .unwrap();
    socket.write_all(&[b'x'; 500_000]).unwrap();
    drop(socket);
    for _ in 0..50 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let (_, seen) = server.post(&format!("{sandbox}/commands"), json!({"command": "ls -A"})).await;
        if seen["stdout"] == "" {
            return;
        }
    }
    panic!("something was left");
}
