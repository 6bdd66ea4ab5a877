//! A server's response to a fetch.
#![no_main]

use aicp_fetch::Error;
use aicp_fetch::fuzzing::answer;
use libfuzzer_sys::fuzz_target;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

fuzz_target!(|bytes: &[u8]| {
    let Some((&max_bytes, sent)) = bytes.split_first() else { return };
    let max_bytes = usize::from(max_bytes) * 16;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (client, server) = duplex(64 << 10);
    let (answered, ()) = runtime.block_on(async { tokio::join!(answer(client, max_bytes), serve(server, sent)) });
    match answered {
        Ok(Some(body)) => {
            assert!(body.len() <= max_bytes);
            // A body contains no bytes that were not sent.
            assert!(body.iter().all(|byte| sent.contains(byte)));
        }
        Ok(None) | Err(Error::Status(_) | Error::TooLarge | Error::Failed(_)) => {}
        Err(e) => panic!("{e:?}"),
    }
});

/// Sends these bytes after the first request: a client reads nothing before.
async fn serve(mut stream: DuplexStream, sent: &[u8]) {
    if stream.read(&mut [0; 1024]).await.is_ok() {
        // The client may have closed the connection already.
        let _ = stream.write_all(sent).await;
    }
}
