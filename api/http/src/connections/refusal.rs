//! What somebody hears for whom there is no place: a short answer, and the connection is closed.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long saying no may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what was sent is read, since a connection that is closed before may take the
/// answer with it.
const MOST_READ_BYTES: usize = 64 * 1024;

/// Answers that there are too many connections, whatever is asked, and closes this one.
pub(super) async fn refuse(mut stream: TcpStream) {
    // Whether it is heard is up to the other side.
    let _ = timeout(PATIENCE, say_no(&mut stream)).await;
}

async fn say_no(stream: &mut TcpStream) -> std::io::Result<()> {
    const WHY: &str = "there are too many connections; try again in a second\n";
    let length = WHY.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{WHY}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    let (mut read, mut buffer) = (0, [0; 4096]);
    while read < MOST_READ_BYTES {
        match stream.read(&mut buffer).await? {
            0 => break,
            count => read += count,
        }
    }
    Ok(())
}
