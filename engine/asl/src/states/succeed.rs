//! Succeed: ends its scope well.

use crate::object::Object;
use crate::program::Succeed;

pub(super) fn read(state: &Object<'_>) -> Option<Succeed> {
    state.allow(&[super::COMMON, super::DATA]);
    let input_path = state.filter("InputPath");
    let output_path = state.filter("OutputPath");
    Some(Succeed { input_path: input_path?, output_path: output_path? })
}
