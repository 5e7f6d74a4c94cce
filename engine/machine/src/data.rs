//! The way of data through a state:
//! raw input → `InputPath` → `Parameters` → work → `ResultSelector` → `ResultPath` (onto the
//! raw input) → `OutputPath`.

use std::borrow::Cow;

use asl::choice_rule::Condition;
use asl::program::{Filter, ResultPath};
use asl::{Budget, EvaluationError, Made, Path, Payload, Scope, StateKind, Template};
use serde_json::Value;

use crate::context::{self, Item};
use crate::event::FrameId;
use crate::execution::Frame;
use crate::step::Step;

/// What the expressions of one state can see.
pub(crate) struct Data<'a> {
    step: &'a Step<'a>,
    frame: &'a Frame,
    retries: Option<u32>,
    item: Option<Item<'a>>,
    token: Option<String>,
}

impl<'a> Data<'a> {
    /// The data of the state a frame is in.
    pub(crate) fn of(step: &'a Step<'_>, id: FrameId) -> Result<Self, EvaluationError> {
        let frame =
            step.frame(id).ok_or_else(|| EvaluationError::runtime("the state is not under way"))?;
        let state = step.state_of(id).map(|state| &step.program.state(state).kind);
        let retries = match state {
            Some(StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)) => {
                Some(frame.retry_count)
            }
            _ => None,
        };
        Ok(Self { step, frame, retries, item: None, token: None })
    }

    /// The same, with an item of a Map.
    pub(crate) fn of_item(
        step: &'a Step<'_>,
        id: FrameId,
        index: u32,
        value: &'a Value,
    ) -> Result<Self, EvaluationError> {
        Ok(Self { item: Some(Item { index, value }), ..Self::of(step, id)? })
    }

    /// The same, with the token of the task that is about to be scheduled.
    pub(crate) fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }

    /// The state's raw input.
    pub(crate) fn input(&self) -> &Payload {
        &self.frame.input
    }

    fn with<T>(&self, made: Made, input: &Payload, f: impl FnOnce(&Scope<'_>) -> T) -> T {
        let build = || {
            let token = self.token.as_deref();
            context::object(self.step.execution, self.frame, self.retries, self.item, token)
        };
        let budget = Budget::of(self.step.limits.payload_bytes, made);
        let found = f(&Scope {
            input: input.value(),
            result: None,
            error_output: None,
            context: &build,
            variables: &self.frame.variables,
            chance: &|| self.step.random.bits(),
            now_ms: self.step.now.0,
            budget: &budget,
        });
        self.step.worked(budget.steps());
        found
    }

    /// `InputPath`, then `Parameters`.
    pub(crate) fn effective_input(
        &self,
        input_path: &Filter,
        parameters: Option<&Template>,
    ) -> Result<Payload, EvaluationError> {
        let input = self.filtered(input_path, &self.frame.input)?;
        self.made(Made::Parameters, parameters, input)
    }

    /// `ResultSelector`: made from this payload.
    pub(crate) fn selected(
        &self,
        template: Option<&Template>,
        from: Payload,
    ) -> Result<Payload, EvaluationError> {
        self.made(Made::Result, template, from)
    }

    /// `Parameters`, `ResultSelector` or `ItemSelector`: made from this payload.
    pub(crate) fn made(
        &self,
        made: Made,
        template: Option<&Template>,
        from: Payload,
    ) -> Result<Payload, EvaluationError> {
        match template {
            None => Ok(from),
            Some(template) => {
                let value = self.with(made, &from, |scope| template.evaluate(scope))?;
                Ok(Payload::from_value(value)?)
            }
        }
    }

    /// `InputPath` or `OutputPath` of this payload.
    pub(crate) fn filtered(
        &self,
        filter: &Filter,
        payload: &Payload,
    ) -> Result<Payload, EvaluationError> {
        match filter {
            Filter::Whole => Ok(payload.clone()),
            Filter::Empty => Ok(Payload::empty_object()),
            Filter::Path(path) => self.payload_at(path, payload),
        }
    }

    /// `InputPath` and `OutputPath` of a state that only hands its input on.
    pub(crate) fn pass_through(
        &self,
        input_path: &Filter,
        output_path: &Filter,
    ) -> Result<Payload, EvaluationError> {
        let input = self.filtered(input_path, &self.frame.input)?;
        self.filtered(output_path, &input)
    }

    /// What a path finds in this payload, as a payload of its own.
    pub(crate) fn payload_at(
        &self,
        path: &Path,
        payload: &Payload,
    ) -> Result<Payload, EvaluationError> {
        if path.is_whole() {
            return Ok(payload.clone());
        }
        Ok(Payload::from_value(self.evaluate(path, payload)?)?)
    }

    /// What a path finds in this payload.
    pub(crate) fn evaluate(
        &self,
        path: &Path,
        payload: &Payload,
    ) -> Result<Value, EvaluationError> {
        self.with(Made::Result, payload, |scope| path.evaluate(scope).map(Cow::into_owned))
    }

    /// What a path finds in this payload, if it finds anything.
    pub(crate) fn find_in(&self, path: &Path, payload: &Payload) -> Option<Box<Value>> {
        self.with(Made::Result, payload, |scope| {
            path.find(scope).map(|found| Box::new(found.into_owned()))
        })
    }

    /// What a path finds in the raw input, if it finds anything.
    pub(crate) fn find(&self, path: &Path) -> Option<Box<Value>> {
        self.find_in(path, &self.frame.input)
    }

    /// Whether a condition holds for this payload.
    pub(crate) fn holds(
        &self,
        condition: &Condition,
        payload: &Payload,
    ) -> Result<bool, EvaluationError> {
        self.with(Made::Result, payload, |scope| condition.holds(scope))
    }

    /// `ResultPath`, then `OutputPath`.
    pub(crate) fn output(
        &self,
        result: Payload,
        result_path: &ResultPath,
        output_path: &Filter,
    ) -> Result<Payload, EvaluationError> {
        let merged = match result_path {
            ResultPath::Replace => result,
            ResultPath::Discard => self.frame.input.clone(),
            ResultPath::At(path) => {
                Payload::from_value(path.insert(self.frame.input.value(), result.value())?)?
            }
        };
        self.filtered(output_path, &merged)
    }

    /// The `ResultPath` of a catcher: no `OutputPath` follows.
    pub(crate) fn merged(
        &self,
        result: Value,
        result_path: &ResultPath,
    ) -> Result<Payload, EvaluationError> {
        self.output(Payload::from_value(result)?, result_path, &Filter::Whole)
    }
}
