//! TLS: the system's certificates are what is trusted, and nobody has to choose a provider of cryptography first.

use crate::scene::{KEY, ask, bounds, conversation, model};
use agent::model::{FailureKind, ModelSettings};
use serde_json::json;
use std::{env, fs, net::SocketAddr, process::Command, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring},
};

const URL: &str = "MOCK_TLS_URL";

/// Serves the same reply to everyone; its certificate is the only root there is.
async fn serve() -> (SocketAddr, String) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![signed.cert.der().clone()],
            signed.signing_key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate breaks off here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = vec![0; 64 << 10];
            let _ = stream.read(&mut request).await;
            let body =
                json!({ "content": [{ "type": "text", "text": "Privately." }], "stop_reason": "end_turn" })
                    .to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, signed.cert.pem())
}

#[tokio::test]
async fn the_systems_certificates_are_trusted_and_no_others() {
    let at =
        |url: String| ModelSettings { base_url: Some(url), retries: Some(0), ..ModelSettings::default() };
    if let Ok(url) = env::var(URL) {
        let reply = ask(&model(&at(url)), &conversation(), &bounds()).await.0.unwrap();
        assert_eq!(reply.text, "Privately.");
        return;
    }
    let (address, certificate) = serve().await;
    let url = format!("https://localhost:{}", address.port());
    let failure = ask(&model(&at(url.clone())), &conversation(), &bounds()).await.0.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(failure.message.contains("certificate") && !failure.message.contains(KEY), "{failure}");

    // The same test in a process of its own, whose system has the server's certificate.
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("root.pem"), certificate).unwrap();
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "tls::the_systems_certificates_are_trusted_and_no_others", "--nocapture"]);
    child.env(URL, url).env("SSL_CERT_FILE", place.path().join("root.pem"));
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
