//! The samples of `definitions/`, as part of the program.

/// One sample.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The name of its state machine.
    pub name: &'static str,
    /// Its definition, JSON.
    pub definition: &'static str,
    /// An input to try it with, JSON.
    pub input: &'static str,
    /// When it starts by itself, JSON as `PUT /v1/schedules/{name}` takes it.
    pub schedule: Option<&'static str>,
}

macro_rules! sample {
    ($name:literal) => {
        Sample {
            name: $name,
            definition: include_str!(concat!("../../../definitions/", $name, ".asl.json")),
            input: include_str!(concat!("../../../definitions/", $name, ".input.json")),
            schedule: None,
        }
    };
    ($name:literal, scheduled) => {
        Sample {
            schedule: Some(include_str!(concat!("../../../definitions/", $name, ".schedule.json"))),
            ..sample!($name)
        }
    };
}

/// All of them.
pub const SAMPLES: [Sample; 9] = [
    sample!("order_fulfilment"),
    sample!("image_pipeline"),
    sample!("nightly_report", scheduled),
    sample!("poll_until_done"),
    sample!("expense_approval"),
    sample!("video_transcode"),
    sample!("trip_saga"),
    sample!("order_total"),
    sample!("delivery_notice"),
];
