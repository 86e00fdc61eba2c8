//! Asks a server, in its own protocol, whether it serves and whether it is ours. Errors only mean "not yet".
//!
//! Just enough of each protocol for that question; everything else is the business of real clients.

use std::{io, net::Ipv4Addr};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// The longest PostgreSQL message that is read, in bytes.
const MESSAGE_MAX: u32 = 64 * 1024;
/// SQLSTATE of "database does not exist".
const NO_DATABASE: &str = "3D000";

async fn connect(port: u16) -> io::Result<BufReader<TcpStream>> {
    Ok(BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?))
}

/// Whether nats-server greets with this server name and answers a ping.
pub(crate) async fn nats(port: u16, name: &str) -> io::Result<bool> {
    let mut stream = connect(port).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    if !line.starts_with("INFO ") || !line.contains(&format!("\"server_name\":\"{name}\"")) {
        return Ok(false);
    }
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").await?;
    line.clear();
    stream.read_line(&mut line).await?;
    Ok(line.trim_end() == "PONG")
}

/// Whether Redis answers a ping and has this process id.
pub(crate) async fn redis(port: u16, pid: u32) -> io::Result<bool> {
    let mut stream = connect(port).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    if line.trim_end() != "+PONG" {
        return Ok(false);
    }
    stream.write_all(b"INFO server\r\n").await?;
    line.clear();
    stream.read_line(&mut line).await?;
    let length: u16 = line.trim_end().trim_start_matches('$').parse().map_err(io::Error::other)?;
    let mut info = vec![0; usize::from(length)];
    stream.read_exact(&mut info).await?;
    let ours = format!("process_id:{pid}");
    Ok(String::from_utf8_lossy(&info).lines().any(|l| l == ours))
}

/// Whether PostgreSQL lets a session into `database` (a plain name). When the database is missing it is made, and the answer is
/// "not yet".
pub(crate) async fn postgres(port: u16, database: &str) -> io::Result<bool> {
    match login(port, database).await? {
        Login::Session(mut stream) => {
            stream.write_all(b"X\0\0\0\x04").await?;
            Ok(true)
        }
        Login::Refused(state) if state == NO_DATABASE => {
            if let Login::Session(mut stream) = login(port, "postgres").await? {
                let sql = format!("CREATE DATABASE \"{database}\"\0");
                let length = u32::try_from(sql.len() + 4).map_err(io::Error::other)?;
                stream.write_all(&[b"Q".as_slice(), &length.to_be_bytes(), sql.as_bytes()].concat()).await?;
                until_ready(&mut stream).await?;
            }
            Ok(false)
        }
        Login::Refused(_) => Ok(false),
    }
}

/// The answer to a startup packet.
enum Login {
    Session(BufReader<TcpStream>),
    /// With its SQLSTATE.
    Refused(String),
}

async fn login(port: u16, database: &str) -> io::Result<Login> {
    let mut stream = connect(port).await?;
    let body = format!("user\0offhook\0database\0{database}\0application_name\0offhook probe\0\0");
    let length = u32::try_from(body.len() + 8).map_err(io::Error::other)?;
    // 196608 is protocol version 3.0.
    let packet = [&length.to_be_bytes(), &196_608_u32.to_be_bytes(), body.as_bytes()].concat();
    stream.write_all(&packet).await?;
    Ok(match until_ready(&mut stream).await? {
        None => Login::Session(stream),
        Some(state) => Login::Refused(state),
    })
}

/// Reads messages until "ready for query" (`None`) or an error (its SQLSTATE).
async fn until_ready(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    loop {
        let tag = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        if !(4..=MESSAGE_MAX).contains(&length) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await?;
        match tag {
            b'Z' => return Ok(None),
            b'E' => {
                let code = body.split(|b| *b == 0).find_map(|f| f.strip_prefix(b"C")).unwrap_or_default();
                return Ok(Some(String::from_utf8_lossy(code).into_owned()));
            }
            _ => {}
        }
    }
}
