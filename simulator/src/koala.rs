//! REST interface of Koala. Only the path [`ADD`] is Koala's own; the others are invented here.

use std::sync::Arc;

use aicp_vision::Rect;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::codes;
use crate::world::{Hit, Refusal, World, picture, random_id, round_box};

pub(crate) const ADD: &str = "business/api/v1/repository/personDb";
pub(crate) const CREATE_LIBRARY: &str = "business/api/v1/repository/create";
pub(crate) const DELETE_LIBRARY: &str = "business/api/v1/repository/delete";
pub(crate) const REMOVE: &str = "business/api/v1/repository/personDb/delete";
pub(crate) const SEARCH: &str = "business/api/v1/repository/search";
pub(crate) const SEARCH_MANY: &str = "business/api/v1/repository/searchMany";
pub(crate) const COMPARE: &str = "business/api/v1/face/compare";
pub(crate) const DETECT: &str = "business/api/v1/face/detect";
pub(crate) const QUALITY: &str = "business/api/v1/face/quality";
pub(crate) const HEALTH: &str = "business/api/v1/health";

/// Answers a call; `None` if the path is unknown.
pub(crate) async fn answer(world: &Arc<World>, path: &str, body: &[u8]) -> Option<Result<Value, Refusal>> {
    let body = if path == HEALTH { Ok(Map::new()) } else { serde_json::from_slice(body) };
    let body = match body {
        Ok(body) => Body(body),
        Err(e) => return Some(Err(Refusal::BadRequest(e.to_string()))),
    };
    let data = match path {
        ADD => add(world, &body).await,
        CREATE_LIBRARY => create_library(world, &body).await,
        DELETE_LIBRARY => delete_library(world, &body).await,
        REMOVE => remove(world, &body).await,
        SEARCH => search(world, &body).await,
        SEARCH_MANY => search_many(world, &body).await,
        COMPARE => compare(world, &body).await,
        DETECT => detect(world, &body).await,
        QUALITY => quality(world, &body).await,
        HEALTH => Ok(json!({"result": "ok"})),
        _ => return None,
    };
    Some(data.map(|data| json!({"status": 200, "message": "Request successful", "data": data})))
}

/// Returns the error answer to a refusal; `None` for [`Refusal::Broken`].
pub(crate) fn error_answer(refusal: &Refusal) -> Option<Value> {
    let (code, text) = match refusal {
        Refusal::BadPicture => (codes::BAD_PICTURE, "extract feature decode pictrue! get feature failed".to_owned()),
        Refusal::BadRequest(why) => (codes::BAD_REQUEST, why.clone()),
        Refusal::Forbidden => (codes::FORBIDDEN, "forbidden".to_owned()),
        Refusal::LibraryMissing => (codes::LIBRARY_MISSING, "no such personLibId".to_owned()),
        Refusal::LibraryExists => (codes::LIBRARY_EXISTS, "personLibId exists".to_owned()),
        Refusal::FaceMissing => (codes::FACE_MISSING, "no such personNo".to_owned()),
        Refusal::FaceExists => (codes::FACE_EXISTS, "personNo exists".to_owned()),
        Refusal::Broken => return None,
    };
    Some(json!({"status": code, "message": text, "data": null}))
}

struct Body(Map<String, Value>);

impl Body {
    fn text(&self, key: &str) -> Result<&str, Refusal> {
        let text = self.0.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| Refusal::BadRequest(format!("{key} is missing")))
    }

    fn library(&self) -> Result<&str, Refusal> {
        self.text("personLibId")
    }

    fn top_n(&self) -> usize {
        self.0.get("topN").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
    }
}

async fn add(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let person = random_id()?;
    let picture = picture(body.text("baseLs")?)?;
    let area = world.add(body.library()?.to_owned(), person.clone(), String::new(), picture).await?;
    let area = area.unwrap_or_default();
    Ok(json!({"result": "ok", "personNo": person, "faceId": face_id(&person), "rect": rect(&area)}))
}

async fn create_library(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let name = body.0.get("name").and_then(Value::as_str).unwrap_or_default();
    world.create_library(body.library()?.to_owned(), name.to_owned()).await?;
    Ok(json!({"result": "ok"}))
}

async fn delete_library(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    world.delete_library(body.library()?.to_owned()).await?;
    Ok(json!({"result": "ok"}))
}

async fn remove(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    world.remove(body.library()?.to_owned(), body.text("personNo")?.to_owned()).await?;
    Ok(json!({"result": "ok"}))
}

async fn search(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let hits = world.search(body.library()?, picture(body.text("baseLs")?)?, body.top_n()).await?;
    Ok(json!({"records": records(&hits)}))
}

async fn search_many(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let faces = world.search_many(body.library()?, picture(body.text("baseLs")?)?, body.top_n()).await?;
    let faces: Vec<Vec<Value>> = faces.iter().map(|(_, hits)| records(hits)).collect();
    Ok(json!({"records": faces}))
}

async fn compare(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let (a, b) = (picture(body.text("baseLsA")?)?, picture(body.text("baseLsB")?)?);
    let score = world.compare(a, b).await?;
    Ok(json!({"msg": "face extract success!", "score": format!("{:.5}", score * 100.0)}))
}

async fn detect(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let faces = world.detect(picture(body.text("baseLs")?)?).await?;
    let faces: Vec<Value> = faces
        .iter()
        .map(|face| {
            let [x, y, width, height] = round_box(face);
            json!({"width": width, "x": x, "y": y, "height": height})
        })
        .collect();
    Ok(json!({"records": [faces]}))
}

async fn quality(world: &Arc<World>, body: &Body) -> Result<Value, Refusal> {
    let assessed = world.assess(picture(body.text("baseLs")?)?).await?;
    let qualities: Option<Vec<u8>> = assessed.grades.map(|grades| grades.iter().map(|&grade| grade as u8).collect());
    Ok(json!({
        "qualityFlag": if assessed.score >= 0.5 { "Y" } else { "N" },
        "qualities": qualities,
        "score": format!("{:.4}", assessed.score),
        "feature": STANDARD.encode(assessed.feature),
    }))
}

fn records(hits: &[Hit]) -> Vec<Value> {
    let records =
        hits.iter().map(|hit| json!({"score": hit.score * 100.0, "faceId": face_id(&hit.face), "personNo": hit.face}));
    records.collect()
}

fn face_id(person: &str) -> String {
    format!("koala-{person}-")
}

fn rect(area: &Rect) -> Value {
    let [x, y, w, h] = round_box(area);
    json!({"w": w, "h": h, "x": x, "y": y})
}
