//! States that do no work outside.

use expect_test::expect;

use crate::check;

#[test]
fn states_without_work_outside_are_one_turn() {
    check(
        r#""A": {"Type": "Pass", "Result": {"x": 1}, "ResultPath": "$.a", "Next": "B"},
           "B": {"Type": "Choice", "Choices": [{"Variable": "$.a.x", "NumericEquals": 1, "Next": "C"}]},
           "C": {"Type": "Succeed"}"#,
        r#"{"n": 0}"#,
        &[],
        &expect![[r#"
            0s Start
              1<-0 ExecutionStarted {"n": 0}
              2<-0 PassStateEntered A {"n": 0}
              3<-2 PassStateExited A {"n":0,"a":{"x":1}}
              4<-3 ChoiceStateEntered B {"n":0,"a":{"x":1}}
              5<-4 ChoiceStateExited B {"n":0,"a":{"x":1}}
              6<-5 SucceedStateEntered C {"n":0,"a":{"x":1}}
              7<-6 SucceedStateExited C {"n":0,"a":{"x":1}}
              8<-7 ExecutionSucceeded {"n":0,"a":{"x":1}}
        "#]],
    );
}
