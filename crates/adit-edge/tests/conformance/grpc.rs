//! Point 24 of the checklist: gRPC with its trailers where the transport carries them. (With a connector that does what
//! the test says: `trailers_pass_where_the_transport_carries_them`.)

use adit_testing::{
    client::send_http2,
    cloudflared::Protocol,
    origin::{GrpcOrigin, Origin},
    within,
};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;

use crate::support::{HOST, stock::StockScene};

#[tokio::test(flavor = "multi_thread")]
async fn grpc_trailers_pass_over_http2_and_not_over_quic() {
    let test = "grpc_trailers_pass_over_http2_and_not_over_quic";
    for protocol in Protocol::ALL {
        let grpc = GrpcOrigin::start().await;
        let config = format!(
            "originRequest:\n  http2Origin: true\n  noTLSVerify: true\ningress:\n  - service: {}\n",
            grpc.url()
        );
        let origin = Origin::start().await;
        let scene = StockScene::with(test, protocol, origin, |options| options.configured(&config));
        let Some(scene) = scene.await else { return };
        let call = Request::post(format!("https://{HOST}/service/Method"))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Full::new(Bytes::from_static(b"question")))
            .unwrap();
        let listener = scene.edge.edge.addresses().https.unwrap();
        let called = within("the answer", send_http2(listener, &scene.anchors, call)).await;
        let (head, mut body) = called.unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()[header::CONTENT_TYPE], "application/grpc");
        let (answer, trailers) = within("the rest", body.read_with_trailers()).await.unwrap();
        assert_eq!(answer, "question", "{protocol}");
        let status = trailers.and_then(|trailers| trailers.get("grpc-status").cloned());
        let expected = (protocol == Protocol::Http2).then_some("0");
        assert_eq!(
            status.as_ref().map(|status| status.to_str().unwrap()),
            expected,
            "{protocol}"
        );
    }
}
