//! What needs real Python: figures for models that look at them, memory, tracebacks.

use crate::scene::{Scene, ask, end, read};
use agent::{
    AskLimits,
    model::{
        Message, Part, Traits,
        scripted::{Scripted, Step, runs, says},
    },
};
use protocol::{AnswerStatus, Status};
use std::sync::Arc;

/// A picture of one pixel, shown as a result.
const PICTURE: &str = "import base64\nfrom IPython.display import Image, display\ndisplay(Image(data=base64.b64decode(\
'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='), format='png'))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_go_to_models_that_read_them() {
    for images in [true, false] {
        let traits = Traits { tools: true, images, prices: None };
        let steps = [runs(PICTURE), says("A dot.")].map(Step::Reply);
        let model = Arc::new(Scripted::with(traits, steps));
        let test = "native::pictures_go_to_models_that_read_them";
        let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
        let (answer, _) = ask(scene, "Draw a dot.", AskLimits::default()).await;
        assert_eq!(end(&answer), (AnswerStatus::Ok, None, "A dot."), "{:?}", answer.executions);
        let seen = model.seen();
        let Some(Message::Results(results)) = seen[1].messages.last() else {
            panic!("{:?}", seen[1].messages)
        };
        let pictures = results[0]
            .content
            .iter()
            .filter(|part| matches!(part, Part::Image { mime, .. } if mime == "image/png"));
        assert_eq!(pictures.count(), usize::from(images), "{results:?}");
        assert!(read(&model, 1).contains("an image was shown to the user"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_names_the_line_and_leaves_libraries_out() {
    let code = "import json\ndef load(text):\n    return json.loads(text)\nload('{')";
    let steps = [runs(code), runs("load('[]')"), says("[]")].map(Step::Reply);
    let model = Arc::new(Scripted::new(steps));
    let test = "native::a_failure_names_the_line_and_leaves_libraries_out";
    let Some(scene) = Scene::native(test, "python", model.clone()) else { return };
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    assert_eq!((end(&answer).2, answer.code_attempts), ("[]", 2));
    let text = read(&model, 1);
    for part in [
        "status: error (JSONDecodeError)",
        "line 3: return json.loads(text)",
        "frames of libraries",
        "line 4, in <module>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("decoder.py"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn languages_share_the_files() {
    let bash = agent::model::scripted::calls([(
        "run_code",
        serde_json::json!({"code": "cat a.txt", "language": "bash"}),
    )]);
    let steps = [runs("open('a.txt', 'w').write('hello')"), bash, says("hello")].map(Step::Reply);
    let model = Arc::new(Scripted::new(steps));
    let Some(scene) = Scene::native("native::languages_share_the_files", "python", model.clone()) else {
        return;
    };
    let (answer, _) = ask(scene, "q", AskLimits::default()).await;
    let [_, cat] = answer.executions.as_slice() else { panic!("{:?}", answer.executions) };
    assert_eq!((cat.outcome.status, cat.outcome.stdout.trim()), (Status::Ok, "hello"));
    assert!(read(&model, 1).contains("file created: a.txt (5 bytes)"), "{}", read(&model, 1));
}
