//! Demo functions: what the samples in `definitions/` call, on a loopback port of this process.
//!
//! They keep nothing. Every answer follows from the input and from the number of the attempt, so a
//! sample gives the same output however often it is interrupted. Most speak Lambda's Invoke API;
//! those that take their time are plain HTTP functions, answer `202 Accepted`, and end their task
//! by its token.

mod by_token;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::deploy;

pub use by_token::ByToken;

/// Header that carries the number of the attempt, from 1.
const ATTEMPT: &str = "statewright-attempt";
/// Header that carries the task's token.
const TASK_TOKEN: &str = "statewright-task-token";
/// Header by which Lambda says that the function itself failed.
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
/// Largest input a demo function reads.
const INPUT_BYTES: usize = 16 * 1024 * 1024;

/// One demo function: the input and the number of the attempt, from 1.
type Function = fn(&Value, u64) -> Result<Value, Failure>;

/// The demo functions by name.
const FUNCTIONS: [(&str, Function); 21] = [
    ("ask-for-job", |input, _| Ok(ask_for_job(input))),
    ("book-car", |input, _| book_car(input)),
    ("book-flight", |input, _| Ok(book_flight(input))),
    ("book-hotel", book_hotel),
    ("cancel-booking", |input, _| Ok(cancel_booking(input))),
    ("charge-card", |input, _| charge_card(input)),
    ("check-order", |input, _| Ok(check_order(input))),
    ("collect-figures", collect_figures),
    ("create-shipment", |input, _| create_shipment(input)),
    ("pay-expense", |input, _| Ok(pay_expense(input))),
    ("publish-video", |input, _| Ok(publish_video(input))),
    ("quote-shipping", |input, _| Ok(quote_shipping(input))),
    ("read-metadata", |input, _| Ok(read_metadata(input))),
    ("refund-payment", |input, _| Ok(refund_payment(input))),
    ("release-stock", |input, _| Ok(release_stock(input))),
    ("reserve-stock", reserve_stock),
    ("resize-image", |input, _| Ok(resize_image(input))),
    ("send-notification", |input, _| Ok(send_notification(input))),
    ("start-job", |input, _| Ok(start_job(input))),
    ("store-metadata", store_metadata),
    ("write-report", |input, _| Ok(write_report(input))),
];

/// How a function fails: `errorType` and `errorMessage`.
struct Failure {
    error: &'static str,
    message: String,
}

/// What a demo function answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Result(Value),
    /// `errorType` and `errorMessage`.
    Failure(String, String),
    /// The task ends by its token.
    ByToken(ByToken),
}

/// A demo function, as it is to be registered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provided {
    pub name: &'static str,
    pub url: String,
    /// As the registry spells it.
    pub protocol: &'static str,
}

/// The demo functions, served until they are told to stop.
pub struct Demo {
    address: SocketAddr,
}

impl Demo {
    /// Serves the demo functions on a free loopback port until `stop` is cancelled. Those that
    /// take their time say so to this API.
    ///
    /// # Errors
    /// No loopback port could be opened.
    pub async fn start(api: Router, stop: CancellationToken) -> anyhow::Result<Self> {
        Self::start_at(None, api, stop).await
    }

    /// Does the same, on this port if it is free.
    ///
    /// # Errors
    /// No loopback port could be opened.
    pub async fn start_at(
        port: Option<u16>,
        api: Router,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let wanted = match port {
            Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.ok(),
            None => None,
        };
        let listener = match wanted {
            Some(listener) => listener,
            None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .context("cannot open a loopback port for the demo functions")?,
        };
        let address = listener.local_addr().context("the demo functions' port has no address")?;
        let demo = Router::new()
            .fallback(invoke)
            .layer(DefaultBodyLimit::max(INPUT_BYTES))
            .with_state(Backstage { api, stop: stop.clone() });
        tokio::spawn(async move {
            let served = axum::serve(listener, demo)
                .with_graceful_shutdown(async move { stop.cancelled().await })
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the demo functions are no longer served");
            }
        });
        Ok(Self { address })
    }

    /// Where they are served.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = Provided> + use<> {
        functions_at(self.port())
    }

    /// Registers all functions at this API.
    ///
    /// # Errors
    /// The database is away.
    pub async fn register(&self, api: &Router) -> anyhow::Result<()> {
        for Provided { name, url, protocol } in self.functions() {
            deploy::register(api, name, &url, protocol).await?;
        }
        Ok(())
    }
}

/// All functions, as they are registered when they are served on this port.
pub fn functions_at(port: u16) -> impl Iterator<Item = Provided> + use<> {
    let provided = move |name: &'static str, protocol| Provided {
        name,
        url: format!("http://{}:{port}/{name}", Ipv4Addr::LOCALHOST),
        protocol,
    };
    let at_once = FUNCTIONS.iter().map(move |(name, _)| provided(name, "lambda"));
    let by_token = by_token::FUNCTIONS.iter().map(move |(name, _)| provided(name, "http"));
    at_once.chain(by_token)
}

/// What a demo function answers; `None` if there is no function of this name. It may be given as
/// `/NAME`, or as a path of Lambda's Invoke API, `…/functions/NAME/invocations`.
pub fn answer(name: &str, input: &Value, attempt: u64) -> Option<Answer> {
    let path = name.strip_suffix("/invocations").unwrap_or(name);
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
        return Some(match function(input, attempt) {
            Ok(result) => Answer::Result(result),
            Err(failure) => Answer::Failure(failure.error.to_owned(), failure.message),
        });
    }
    let (_, function) = by_token::FUNCTIONS.iter().find(|(known, _)| *known == name)?;
    Some(Answer::ByToken(function(input)))
}

/// What the functions need that go on after they have answered.
#[derive(Clone)]
struct Backstage {
    api: Router,
    stop: CancellationToken,
}

async fn invoke(
    State(backstage): State<Backstage>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let input = match serde_json::from_slice(&body) {
        Ok(input) => input,
        Err(error) => {
            let text = format!("the input is not JSON: {error}");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    match answer(uri.path(), &input, attempt_of(&headers)) {
        None => (StatusCode::NOT_FOUND, "there is no such demo function").into_response(),
        Some(Answer::Result(result)) => axum::Json(result).into_response(),
        Some(Answer::Failure(error, message)) => {
            let body = json!({ "errorMessage": message, "errorType": error });
            ([(FUNCTION_ERROR, "Unhandled")], axum::Json(body)).into_response()
        }
        Some(Answer::ByToken(work)) => {
            let token = headers.get(TASK_TOKEN).and_then(|value| value.to_str().ok());
            let Some(token) = token.map(str::to_owned) else {
                return (StatusCode::BAD_REQUEST, "the task has no token").into_response();
            };
            let said = axum::Json(work.said.clone());
            let Backstage { api, stop } = backstage;
            let goes_on = work.beats > 0;
            let work = stop.run_until_cancelled_owned(by_token::go_on(api, token, work));
            if goes_on {
                tokio::spawn(work);
            } else {
                // What has been decided is said before the call is answered, so that nothing is
                // forgotten if this process dies in between.
                work.await;
            }
            (StatusCode::ACCEPTED, said).into_response()
        }
    }
}

fn attempt_of(headers: &HeaderMap) -> u64 {
    let value = headers.get(ATTEMPT).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.parse().ok()).unwrap_or(1)
}

// The shop.

fn check_order(order: &Value) -> Value {
    let items = order["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut total = 0_u64;
    for item in items {
        let (Some(quantity), Some(price)) = (item["quantity"].as_u64(), item["price"].as_u64())
        else {
            let reason = format!("item `{}` lacks a quantity or a price", text(&item["sku"]));
            return json!({ "valid": false, "total": total, "reason": reason });
        };
        total = total.saturating_add(quantity.saturating_mul(price));
    }
    if items.is_empty() {
        return json!({ "valid": false, "total": 0, "reason": "the order has no items" });
    }
    json!({ "valid": true, "total": total })
}

fn reserve_stock(line: &Value, attempt: u64) -> Result<Value, Failure> {
    let sku = text(&line["sku"]);
    if sku.starts_with("SOLD-OUT") {
        return fail("Stock.NotAvailable", format!("`{sku}` is sold out"));
    }
    if sku.starts_with("PEN") && attempt == 1 {
        return fail("Stock.Busy", format!("the stock of `{sku}` is being counted, ask again"));
    }
    let reservation = format!("R-{}-{sku}", text(&line["orderId"]));
    Ok(json!({ "sku": sku, "reservationId": reservation }))
}

fn release_stock(line: &Value) -> Value {
    json!({ "sku": line["sku"], "released": true })
}

fn charge_card(payment: &Value) -> Result<Value, Failure> {
    let token = text(&payment["token"]);
    if token == "tok_declined" {
        return fail("Payment.Declined", format!("card `{token}` was declined"));
    }
    let id = format!("P-{}", text(&payment["orderId"]));
    Ok(json!({ "paymentId": id, "amount": payment["amount"] }))
}

fn refund_payment(payment: &Value) -> Value {
    json!({ "refundId": format!("refund-{}", text(&payment["paymentId"])) })
}

fn quote_shipping(shipping: &Value) -> Value {
    let carrier = text(&shipping["by"]);
    let cost = if carrier == "air" { 1490 } else { 490 };
    json!({ "carrier": carrier, "cost": cost })
}

fn create_shipment(shipment: &Value) -> Result<Value, Failure> {
    let country = text(&shipment["country"]);
    if country == "XX" {
        return fail("Shipping.UnknownCountry", format!("there is no country `{country}`"));
    }
    let (order, carrier) = (text(&shipment["orderId"]), text(&shipment["carrier"]));
    Ok(json!({ "trackingNumber": format!("TN-{order}-{carrier}") }))
}

fn send_notification(notification: &Value) -> Value {
    json!({ "to": notification["to"], "delivered": true })
}

// The image archive.

fn resize_image(image: &Value) -> Value {
    let (key, width) = (text(&image["key"]), &image["width"]);
    json!({ "key": format!("thumbnails/{width}/{key}"), "width": width })
}

fn read_metadata(image: &Value) -> Value {
    let key = text(&image["key"]);
    let format =
        if Path::new(key).extension().is_some_and(|it| it == "png") { "png" } else { "jpeg" };
    json!({ "format": format, "bytes": image["size"] })
}

fn store_metadata(image: &Value, attempt: u64) -> Result<Value, Failure> {
    if attempt == 1 {
        return fail("Catalogue.Busy", "the catalogue is busy, ask again".to_owned());
    }
    let thumbnails = image["thumbnails"].as_array().map_or(0, Vec::len);
    Ok(json!({ "recordId": format!("M-{}", text(&image["key"])), "thumbnails": thumbnails }))
}

// The long job.

fn start_job(document: &Value) -> Value {
    json!({ "jobId": format!("J-{}", text(&document["name"])), "polls": 0 })
}

fn ask_for_job(job: &Value) -> Value {
    let polls = job["polls"].as_u64().unwrap_or(0).saturating_add(1);
    if polls < 3 {
        return json!({ "jobId": job["jobId"], "polls": polls, "status": "RUNNING" });
    }
    let result = format!("s3://results/{}.txt", text(&job["jobId"]));
    json!({ "jobId": job["jobId"], "polls": polls, "status": "DONE", "result": result })
}

// The night's report.

fn collect_figures(asked: &Value, attempt: u64) -> Result<Value, Failure> {
    let region = text(&asked["region"]);
    if region == "islands" && attempt == 1 {
        return fail("Figures.NotClosed", format!("the books of `{region}` are still open"));
    }
    let orders = 7 * region.len();
    Ok(json!({ "region": region, "orders": orders, "revenue": 1_999 * orders }))
}

fn write_report(asked: &Value) -> Value {
    let figures = asked["figures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |member: &str| {
        let numbers = figures.iter().filter_map(|figure| figure[member].as_u64());
        numbers.fold(0, u64::saturating_add)
    };
    let day: String = text(&asked["dueAt"]).chars().take(10).collect();
    let (orders, revenue) = (sum("orders"), sum("revenue"));
    json!({ "key": format!("reports/{day}.csv"), "orders": orders, "revenue": revenue })
}

// What took its time.

fn pay_expense(expense: &Value) -> Value {
    json!({ "paymentId": format!("pay-{}", text(&expense["id"])), "amount": expense["amount"] })
}

fn publish_video(video: &Value) -> Value {
    json!({ "address": video["address"], "minutes": video["minutes"] })
}

// The travel agency.

fn book_flight(trip: &Value) -> Value {
    booking("flight", trip)
}

fn book_hotel(trip: &Value, attempt: u64) -> Result<Value, Failure> {
    if attempt == 1 {
        return fail("Booking.Busy", "all lines to the hotel are busy, ask again".to_owned());
    }
    Ok(booking("hotel", trip))
}

fn book_car(trip: &Value) -> Result<Value, Failure> {
    let class = text(&trip["car"]["class"]);
    if class == "convertible" {
        return fail("Booking.NotAvailable", format!("no car of class `{class}` is left"));
    }
    Ok(booking("car", trip))
}

fn cancel_booking(booking: &Value) -> Value {
    json!({ "bookingId": booking["bookingId"], "cancelled": true })
}

fn booking(of: &str, trip: &Value) -> Value {
    json!({ "bookingId": format!("{of}-{}", text(&trip["tripId"])) })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}

fn fail(error: &'static str, message: String) -> Result<Value, Failure> {
    Err(Failure { error, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_its_name_and_through_the_invoke_api() {
        for path in [
            "/book-car",
            "/2015-03-31/functions/book-car/invocations",
            "/x/functions/book-car/invocations",
        ] {
            let answer = answer(path, &json!({ "tripId": "T" }), 1);
            assert_eq!(answer, Some(Answer::Result(json!({ "bookingId": "car-T" }))), "{path}");
        }
        assert_eq!(answer("/book", &json!({}), 1), None);
    }

    #[test]
    fn a_busy_function_answers_at_the_second_attempt() {
        let line = json!({ "sku": "PEN-1", "orderId": "O" });
        assert_eq!(reserve_stock(&line, 1).err().map(|failure| failure.error), Some("Stock.Busy"));
        assert!(reserve_stock(&line, 2).is_ok());
    }

    #[test]
    fn an_order_that_is_not_one_is_invalid_and_does_not_panic() {
        for order in [json!(null), json!([]), json!({ "items": [{}] }), json!({ "items": 3 })] {
            let check = check_order(&order);
            assert_eq!(check["valid"], json!(false), "{order}");
        }
    }
}
