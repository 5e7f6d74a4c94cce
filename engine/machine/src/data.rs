//! The way of data through a state, as its [`Flow`] says it.

use std::borrow::Cow;
use std::cell::Cell;

use asl::choice_rule::Condition;
use asl::program::{Filter, ResultPath};
use asl::{
    Budget, DataFlow, EvaluationError, Expression, Flow, Made, Path, Payload, Scope, StateKind,
};
use serde_json::Value;

use crate::context::{self, Item};
use crate::event::FrameId;
use crate::execution::Frame;
use crate::step::Step;

/// What the expressions of one state can see.
pub(crate) struct Data<'a> {
    step: &'a Step<'a>,
    frame: &'a Frame,
    flow: &'a Flow,
    /// What the state's arguments are made for.
    work: Made,
    retries: Option<u32>,
    item: Option<Item<'a>>,
    token: Option<String>,
    /// What its expressions have taken so far, in all.
    steps: Cell<u64>,
}

/// What a state leaves behind: its output, and an object of variables that it assigns.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) output: Payload,
    pub(crate) assigned: Option<Payload>,
}

/// What an expression of JSONata sees as `$states.result` and `$states.errorOutput`.
#[derive(Clone, Copy, Default)]
struct Sight<'a> {
    result: Option<&'a Payload>,
    error: Option<&'a Payload>,
}

impl<'a> Data<'a> {
    /// The data of the state a frame is in.
    pub(crate) fn of(step: &'a Step<'_>, id: FrameId) -> Result<Self, EvaluationError> {
        let gone = || EvaluationError::runtime("the state is not under way");
        let frame = step.frame(id).ok_or_else(gone)?;
        let state = step.program.state(step.state_of(id).ok_or_else(gone)?);
        let retries = match &state.kind {
            StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_) => {
                Some(frame.retry_count)
            }
            StateKind::Pass(_)
            | StateKind::Choice(_)
            | StateKind::Wait(_)
            | StateKind::Succeed
            | StateKind::Fail(_) => None,
        };
        let work = match &state.kind {
            StateKind::Pass(_) => Made::Result,
            _ => Made::Parameters,
        };
        Ok(Self {
            step,
            frame,
            flow: &state.flow,
            work,
            retries,
            item: None,
            token: None,
            steps: Cell::new(0),
        })
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

    /// The part of the raw input that the state works on: `InputPath`, or in JSONata all of it.
    pub(crate) fn effective_input(&self) -> Result<Payload, EvaluationError> {
        match &self.flow.data {
            DataFlow::JsonPath(flow) => self.filtered(&flow.input, &self.frame.input),
            DataFlow::Jsonata(_) => Ok(self.frame.input.clone()),
        }
    }

    /// What is handed to the work: `Parameters` of the effective input, or `Arguments`.
    pub(crate) fn arguments(&self, effective: Payload) -> Result<Payload, EvaluationError> {
        let arguments = match &self.flow.data {
            DataFlow::JsonPath(flow) => &flow.parameters,
            DataFlow::Jsonata(flow) => &flow.arguments,
        };
        match arguments {
            None => Ok(effective),
            Some(arguments) => self.made(self.work, arguments, &effective, Sight::default()),
        }
    }

    /// `ItemSelector` or `Items`: made from this payload.
    pub(crate) fn selected(
        &self,
        expression: Option<&Expression>,
        from: Payload,
    ) -> Result<Payload, EvaluationError> {
        match expression {
            None => Ok(from),
            Some(expression) => self.made(Made::Parameters, expression, &from, Sight::default()),
        }
    }

    /// What the state leaves when its work gave this result.
    pub(crate) fn left(&self, result: Payload) -> Result<Left, EvaluationError> {
        if result.size_bytes() > self.step.limits.result_bytes() && !self.discards_result() {
            return Err(EvaluationError::too_large(Made::Result));
        }
        match &self.flow.data {
            DataFlow::JsonPath(flow) => {
                let assigned = self.assigned(&result, Sight::default())?;
                let result = self.shaped(flow.result_selector.as_ref(), result)?;
                let output = self.merged(result, &flow.result_path)?;
                Ok(Left { output: self.filtered(&flow.output, &output)?, assigned })
            }
            DataFlow::Jsonata(flow) => {
                // A Pass has no result of its own.
                let has_result = self.work == Made::Parameters;
                let sight = Sight { result: has_result.then_some(&result), error: None };
                let assigned = self.assigned(&self.frame.input, sight)?;
                let output = self.output(flow.output.as_ref(), &result, sight)?;
                Ok(Left { output, assigned })
            }
        }
    }

    /// Whether nothing looks into the state's result.
    fn discards_result(&self) -> bool {
        match &self.flow.data {
            DataFlow::JsonPath(flow) => {
                flow.result_selector.is_none()
                    && self.flow.assign.is_none()
                    && matches!(flow.result_path, ResultPath::Discard)
            }
            DataFlow::Jsonata(_) => false,
        }
    }

    /// What the state leaves that only hands its effective input on.
    pub(crate) fn passed(&self, effective: &Payload) -> Result<Left, EvaluationError> {
        let assigned = self.assigned(effective, Sight::default())?;
        let output = match &self.flow.data {
            DataFlow::JsonPath(flow) => self.filtered(&flow.output, effective)?,
            DataFlow::Jsonata(flow) => {
                self.output(flow.output.as_ref(), effective, Sight::default())?
            }
        };
        Ok(Left { output, assigned })
    }

    /// What a Choice leaves when a rule with this `Assign` and `Output` holds.
    pub(crate) fn ruled(
        &self,
        effective: &Payload,
        assign: Option<&Expression>,
        output: Option<&Expression>,
    ) -> Result<Left, EvaluationError> {
        let assigned = self.variables(assign, effective, Sight::default())?;
        let output = match &self.flow.data {
            DataFlow::JsonPath(flow) => self.filtered(&flow.output, effective)?,
            DataFlow::Jsonata(_) => self.output(output, effective, Sight::default())?,
        };
        Ok(Left { output, assigned })
    }

    /// What a catcher with this `ResultPath` and `Assign` leaves; no `OutputPath` follows.
    pub(crate) fn caught_at(
        &self,
        error: &Payload,
        result_path: &ResultPath,
        assign: Option<&Expression>,
    ) -> Result<Left, EvaluationError> {
        let assigned = self.variables(assign, error, Sight::default())?;
        Ok(Left { output: self.merged(error.clone(), result_path)?, assigned })
    }

    /// What a catcher with this `Output` and `Assign` leaves.
    pub(crate) fn caught(
        &self,
        error: &Payload,
        output: Option<&Expression>,
        assign: Option<&Expression>,
    ) -> Result<Left, EvaluationError> {
        let sight = Sight { result: None, error: Some(error) };
        let assigned = self.variables(assign, &self.frame.input, sight)?;
        Ok(Left { output: self.output(output, error, sight)?, assigned })
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
        self.with(Made::Result, payload, Sight::default(), |scope| {
            path.evaluate(scope).map(Cow::into_owned)
        })
    }

    /// What a path finds in this payload, if it finds anything.
    pub(crate) fn find(
        &self,
        path: &Path,
        payload: &Payload,
    ) -> Result<Option<Value>, EvaluationError> {
        self.with(Made::Result, payload, Sight::default(), |scope| {
            Ok(path.lookup(scope)?.map(Cow::into_owned))
        })
    }

    /// Whether a condition holds for this payload.
    pub(crate) fn holds(
        &self,
        condition: &Condition,
        payload: &Payload,
    ) -> Result<bool, EvaluationError> {
        self.with(Made::Result, payload, Sight::default(), |scope| condition.holds(scope))
    }

    /// What JSONata makes of the state's input.
    pub(crate) fn ask<T>(
        &self,
        ask: impl FnOnce(&Scope<'_>) -> Result<T, EvaluationError>,
    ) -> Result<T, EvaluationError> {
        self.with(Made::Parameters, &self.frame.input, Sight::default(), ask)
    }

    fn with<T>(
        &self,
        made: Made,
        input: &Payload,
        sight: Sight<'_>,
        f: impl FnOnce(&Scope<'_>) -> T,
    ) -> T {
        let build = || {
            let token = self.token.as_deref();
            context::object(self.step.execution, self.frame, self.retries, self.item, token)
        };
        let before = self.steps.get();
        let budget = Budget::after(before, self.step.limits.payload_bytes, made);
        let found = f(&Scope {
            input: input.value(),
            result: sight.result.map(Payload::value),
            error_output: sight.error.map(Payload::value),
            context: &build,
            variables: &self.frame.variables,
            chance: &|| self.step.random.bits(),
            now_ms: self.step.now.0,
            budget: &budget,
        });
        self.steps.set(budget.steps());
        self.step.worked(budget.steps() - before);
        found
    }

    fn made(
        &self,
        made: Made,
        expression: &Expression,
        from: &Payload,
        sight: Sight<'_>,
    ) -> Result<Payload, EvaluationError> {
        let value = self.with(made, from, sight, |scope| expression.evaluate(scope))?;
        Ok(Payload::from_value(value)?)
    }

    /// `ResultSelector`.
    fn shaped(
        &self,
        selector: Option<&Expression>,
        result: Payload,
    ) -> Result<Payload, EvaluationError> {
        match selector {
            None => Ok(result),
            Some(selector) => self.made(Made::Result, selector, &result, Sight::default()),
        }
    }

    /// `Output` of JSONata.
    fn output(
        &self,
        output: Option<&Expression>,
        otherwise: &Payload,
        sight: Sight<'_>,
    ) -> Result<Payload, EvaluationError> {
        match output {
            None => Ok(otherwise.clone()),
            Some(output) => self.made(Made::Result, output, &self.frame.input, sight),
        }
    }

    /// The state's own `Assign`.
    fn assigned(
        &self,
        from: &Payload,
        sight: Sight<'_>,
    ) -> Result<Option<Payload>, EvaluationError> {
        self.variables(self.flow.assign.as_ref(), from, sight)
    }

    fn variables(
        &self,
        assign: Option<&Expression>,
        from: &Payload,
        sight: Sight<'_>,
    ) -> Result<Option<Payload>, EvaluationError> {
        assign.map(|assign| self.made(Made::Result, assign, from, sight)).transpose()
    }

    fn filtered(&self, filter: &Filter, payload: &Payload) -> Result<Payload, EvaluationError> {
        match filter {
            Filter::Whole => Ok(payload.clone()),
            Filter::Empty => Ok(Payload::empty_object()),
            Filter::Path(path) => self.payload_at(path, payload),
        }
    }

    /// `ResultPath`: the result in its place of the raw input.
    fn merged(
        &self,
        result: Payload,
        result_path: &ResultPath,
    ) -> Result<Payload, EvaluationError> {
        match result_path {
            ResultPath::Replace => Ok(result),
            ResultPath::Discard => Ok(self.frame.input.clone()),
            ResultPath::At(path) => {
                Ok(Payload::from_value(path.insert(self.frame.input.value(), result.value())?)?)
            }
        }
    }
}
