//! One HTTP connection, as long as it lasts, and the events of a stream.

use std::net::SocketAddr;

use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::support::soon;

/// A connection to the relay.
pub(crate) struct Web {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    /// Its body, null if that is no JSON.
    pub(crate) body: Json,
    pub(crate) text: String,
}

impl Answer {
    /// The value of a header, by its lower-case name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The code in the body of a refusal.
    pub(crate) fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or_else(|| panic!("no code in {self:?}"))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Web {
    pub(crate) async fn connect(address: SocketAddr) -> Web {
        let stream = TcpStream::connect(address).await.unwrap();
        Web { stream: BufReader::new(stream), address }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    async fn head(&mut self) -> String {
        let read = async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                let bytes = self.stream.read_line(&mut head).await.unwrap();
                assert_ne!(bytes, 0, "the connection ended: {head:?}");
            }
            head
        };
        soon("the head of an answer", read).await
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = header(&head, "content-length").map_or(0, |it| it.parse().unwrap());
        let mut body = vec![0; if status == 304 { 0 } else { length }];
        soon("the body of an answer", self.stream.read_exact(&mut body)).await.unwrap();
        let text = String::from_utf8(body).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Json::Null);
        Answer { status, head, body, text }
    }

    /// Sends a request whose target is `/api/v1` and what `line` says, such as `GET /params/a`.
    pub(crate) async fn send(&mut self, line: &str, headers: &[&str], body: &str) {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = format!("{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for header in headers {
            request.push_str(&format!("{header}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.write(request.as_bytes()).await;
    }

    /// One request and its answer.
    pub(crate) async fn ask(&mut self, line: &str, headers: &[&str], body: &str) -> Answer {
        self.send(line, headers, body).await;
        self.answer().await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "").await
    }

    /// PUTs JSON, which has to be taken; the revision it got.
    pub(crate) async fn put(&mut self, path: &str, body: &str) -> u64 {
        let answer = self.ask(&format!("PUT {path}"), &[], body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["revision"].as_u64().unwrap()
    }

    /// Whether the relay has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = soon("the end of the connection", self.stream.read(&mut byte)).await;
        !matches!(read, Ok(1))
    }

    /// Asks for a stream, which has to begin.
    pub(crate) async fn stream(mut self, path: &str, headers: &[&str]) -> Stream {
        self.send(&format!("GET {path}"), headers, "").await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(header(&head, "content-type"), Some("text/event-stream"), "{head}");
        Stream { web: self, text: String::new(), id: None }
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, line: &str, headers: &[&str], body: &str) -> Answer {
    Web::connect(address).await.ask(line, headers, body).await
}

/// A stream of events.
pub(crate) struct Stream {
    web: Web,
    text: String,
    /// The last id, as a browser remembers it.
    pub(crate) id: Option<String>,
}

/// One event.
#[derive(Debug, Default)]
pub(crate) struct Event {
    /// `message` if it has no name.
    pub(crate) name: String,
    pub(crate) data: Json,
}

impl Stream {
    /// A stream of everything below a pattern, after its beginning.
    pub(crate) async fn of(address: SocketAddr, pattern: &str) -> Stream {
        let path = format!("/subscribe?pattern={pattern}");
        let mut stream = Web::connect(address).await.stream(&path, &[]).await;
        while stream.next().await.name != "ready" {}
        stream
    }

    /// The next event; comments are passed over.
    pub(crate) async fn next(&mut self) -> Event {
        self.next_or_end().await.expect("the stream goes on")
    }

    /// The next event, `None` at the end of the stream.
    pub(crate) async fn next_or_end(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.read(&block) {
                    return Some(event);
                }
            }
            let piece = soon("more of the stream", self.piece()).await?;
            self.text.push_str(&piece);
        }
    }

    /// The address and value of the next message.
    pub(crate) async fn news(&mut self) -> (String, Json) {
        let Event { name, mut data } = self.next().await;
        assert_eq!(name, "message", "{data}");
        (data["address"].as_str().unwrap().into(), data["value"].take())
    }

    fn read(&mut self, block: &str) -> Option<Event> {
        let mut event = Event { name: "message".into(), data: Json::Null };
        let mut has_data = false;
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => self.id = Some(id.into()),
                Some(("event", name)) => event.name = name.into(),
                Some(("data", data)) => {
                    event.data = serde_json::from_str(data).unwrap();
                    has_data = true;
                }
                Some(("retry", _)) => {}
                _ => assert!(line.starts_with(':'), "{line:?}"),
            }
        }
        has_data.then_some(event)
    }

    /// One chunk; `None` at the end.
    async fn piece(&mut self) -> Option<String> {
        let mut line = String::new();
        self.web.stream.read_line(&mut line).await.ok()?;
        let bytes = usize::from_str_radix(line.trim_end(), 16).ok().filter(|bytes| *bytes > 0)?;
        let mut chunk = vec![0; bytes + 2];
        self.web.stream.read_exact(&mut chunk).await.ok()?;
        chunk.truncate(bytes);
        Some(String::from_utf8(chunk).unwrap())
    }
}
