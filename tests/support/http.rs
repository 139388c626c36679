//! The service over HTTP, wherever it runs.

use super::{Request, Response, Server};
use serde_json::Value;

pub struct Http {
    agent: ureq::Agent,
    /// `http://127.0.0.1:8787/acme/scim/v2`.
    pub scim_base_url: String,
    pub scim_token: String,
    /// `http://127.0.0.1:8787/v1/orgs/acme`.
    pub console_url: String,
    pub console_key: String,
}

impl Http {
    /// The service that the environment names: `SCIM_EDGE_URL`, `SCIM_EDGE_TOKEN`, `SCIM_EDGE_CONSOLE`,
    /// `SCIM_EDGE_KEY`; `None` if it names none.
    pub fn from_environment() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok();
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Some(Self {
            agent: config.into(),
            scim_base_url: variable("SCIM_EDGE_URL")?,
            scim_token: variable("SCIM_EDGE_TOKEN")?,
            console_url: variable("SCIM_EDGE_CONSOLE")?,
            console_key: variable("SCIM_EDGE_KEY")?,
        })
    }

    fn call(&self, method: &str, url: &str, token: &str, request: &Request) -> Response {
        let mut builder = ureq::http::Request::builder().method(method).uri(url);
        builder = builder.header("Authorization", format!("Bearer {token}"));
        for (name, value) in &request.headers {
            if !name.eq_ignore_ascii_case("authorization") && !value.is_empty() {
                builder = builder.header(name, value);
            }
        }
        let body = request.body.clone().unwrap_or_default();
        let mut response = self.agent.run(builder.body(body).unwrap()).unwrap();
        let rows = response.headers().get("X-Test-Rows").and_then(|rows| rows.to_str().ok()).unwrap_or_default();
        let rows_written = rows.split(',').nth(1).and_then(|written| written.parse::<f64>().ok()).unwrap_or(0.0) as u64;
        let status = response.status().as_u16();
        let bytes = response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap();
        Response { status, body: serde_json::from_slice(&bytes).unwrap_or_default(), rows_written }
    }
}

impl Http {
    /// A Console request that changes something, with the root key.
    pub fn configure(&mut self, method: &str, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.console_url);
        self.call(method, &url, &self.console_key, &Request::json(method, path, body))
    }
}

impl Server for Http {
    fn scim(&mut self, request: Request) -> Response {
        let url = format!("{}{}", self.scim_base_url, request.path);
        self.call(&request.method, &url, &self.scim_token, &request)
    }

    fn console(&mut self, path: &str) -> Value {
        let url = format!("{}{path}", self.console_url);
        let response = self.call("GET", &url, &self.console_key, &Request::default());
        assert_eq!(response.status, 200, "{url}: {}", response.body);
        response.body
    }

    fn import(&mut self, lines: &[String]) {
        let switch = |server: &mut Self, enabled: bool| {
            let settings = serde_json::json!({"scim": {"enabled": enabled}});
            assert_eq!(server.configure("PUT", "", &settings).status, 200);
        };
        switch(self, false);
        let body = lines.join("\n").into_bytes();
        for (method, path, body) in [("POST", "", Vec::new()), ("PUT", "/1", body), ("POST", "/finish", Vec::new())] {
            let url = format!("{}/import{path}", self.console_url);
            let request = Request { body: Some(body), ..Request::default() };
            let response = self.call(method, &url, &self.console_key, &request);
            assert!([200, 202].contains(&response.status), "{method} {url}: {}", response.body);
        }
        while self.console("/import")["state"] != "done" {
            assert_ne!(self.console("/import")["state"], "failed");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        switch(self, true);
    }
}
