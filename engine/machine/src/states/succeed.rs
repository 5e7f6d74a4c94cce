//! Succeed: ends its branch well.

use asl::program::{Next, Succeed};

use crate::data::Data;
use crate::event::FrameId;
use crate::step::Step;
use crate::stimulus::Failure;

pub(crate) fn enter(step: &mut Step<'_>, id: FrameId, succeed: &Succeed) -> Result<(), Failure> {
    let output = Data::of(step, id)
        .and_then(|data| data.pass_through(&succeed.input_path, &succeed.output_path))
        .map_err(|error| step.runtime_failure(id, &error))?;
    step.leave(id, output, Next::End)
}
