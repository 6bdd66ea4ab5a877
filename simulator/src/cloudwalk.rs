//! REST interface of Cloudwalk's private server.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_vision::Rect;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{Hit, Refusal, World, picture, random_id, round_box};
use crate::{Options, codes};

/// Maximum length of a tag in bytes.
const MAX_TAG_BYTES: usize = 128;
/// Number of hits per face in M:N searches.
const M_N_TOP_N: usize = 5;

/// Answers a call; `None` if the path is unknown.
pub(crate) async fn answer(
    world: &Arc<World>,
    options: &Options,
    path: &str,
    body: &[u8],
) -> Option<Result<Value, Refusal>> {
    let form = Form(form_urlencoded::parse(body).into_owned().collect());
    if let Some((id, secret)) = &options.credentials
        && (form.get("app_id") != Some(id) || form.get("app_secret") != Some(secret))
    {
        return Some(Err(Refusal::Forbidden));
    }
    let answer = match path {
        "face/clustering/group/create" => group_create(world, &form).await,
        "face/clustering/group/delete" => group_delete(world, &form).await,
        "face/clustering/group/query" => group_query(world, &form),
        "face/clustering/face/create" => face_create(world, options, &form).await,
        "face/clustering/face/delete" => face_delete(world, &form).await,
        "face/clustering/face/query" => face_query(world, &form),
        "face/recog/group/identify" => identify(world, &form).await,
        "face/recog/group/identify/ext1" => identify_many(world, &form).await,
        "face/tool/compare" => compare(world, &form).await,
        "face/tool/detect" => detect(world, &form).await,
        "face/tool/quality" => quality(world, &form).await,
        "face/tool/feature" => feature(world, &form).await,
        _ => return None,
    };
    Some(answer.map(|mut answer| {
        answer["result"] = json!(0);
        answer["info"] = json!("ok");
        answer
    }))
}

/// Returns the error answer to a refusal; `None` for [`Refusal::Broken`].
pub(crate) fn error_answer(refusal: &Refusal) -> Option<Value> {
    let (code, text) = match refusal {
        Refusal::BadPicture => (codes::BAD_PICTURE, "extract feature decode pictrue! get feature failed".to_owned()),
        Refusal::BadRequest(why) => (codes::BAD_REQUEST, why.clone()),
        Refusal::Forbidden => (codes::FORBIDDEN, "app_id or app_secret is wrong".to_owned()),
        Refusal::LibraryMissing => (codes::LIBRARY_MISSING, "group does not exist".to_owned()),
        Refusal::LibraryExists => (codes::LIBRARY_EXISTS, "group exists".to_owned()),
        Refusal::FaceMissing => (codes::FACE_MISSING, "face does not exist".to_owned()),
        Refusal::FaceExists => (codes::FACE_EXISTS, "face exists".to_owned()),
        Refusal::Broken => return None,
    };
    Some(json!({"result": code, "info": text}))
}

struct Form(HashMap<String, String>);

impl Form {
    fn get(&self, key: &str) -> Option<&String> {
        self.0.get(key).filter(|text| !text.is_empty())
    }

    fn text(&self, key: &str) -> Result<&str, Refusal> {
        self.get(key).map(String::as_str).ok_or_else(|| Refusal::BadRequest(format!("{key} is missing")))
    }

    /// Returns the group id, which consists of letters and digits.
    fn group(&self) -> Result<&str, Refusal> {
        let id = self.text("groupId")?;
        if id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(id)
        } else {
            Err(Refusal::BadRequest("groupId must be letters and digits".to_owned()))
        }
    }

    fn tag(&self) -> Result<String, Refusal> {
        let tag = self.get("tag").cloned().unwrap_or_default();
        if tag.len() > MAX_TAG_BYTES { Err(Refusal::BadRequest("tag is too long".to_owned())) } else { Ok(tag) }
    }

    fn number(&self, key: &str, default: usize) -> usize {
        self.get(key).and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

async fn group_create(world: &Arc<World>, form: &Form) -> Result<Value, Refusal> {
    let group = form.group()?;
    world.create_library(group.to_owned(), form.tag()?).await?;
    Ok(json!({"groupId": group}))
}

async fn group_delete(world: &Arc<World>, form: &Form) -> Result<Value, Refusal> {
    let group = form.group()?;
    world.delete_library(group.to_owned()).await?;
    Ok(json!({"groupId": group}))
}

fn group_query(world: &World, form: &Form) -> Result<Value, Refusal> {
    let groups = world.libraries();
    let groups = groups.iter();
    let row = |(id, name, faces): &(String, String, Vec<_>)| json!({"groupId": id, "info": name, "count": faces.len()});
    match form.text("type")? {
        "queryByGroupId" => {
            let wanted = form.group()?;
            let rows: Vec<Value> = groups.filter(|(id, ..)| id == wanted).map(row).collect();
            Ok(json!({"total": rows.len(), "rows": rows}))
        }
        "queryByPage" => {
            let (total, size) = (groups.len(), form.number("pageSize", 20));
            let before = form.number("pageNumber", 1).saturating_sub(1).saturating_mul(size);
            let rows: Vec<Value> = groups.skip(before).take(size).map(row).collect();
            Ok(json!({"total": total, "rows": rows}))
        }
        _ => Err(Refusal::BadRequest("type is unknown".to_owned())),
    }
}

async fn face_create(world: &Arc<World>, options: &Options, form: &Form) -> Result<Value, Refusal> {
    let face = match form.get("faceId") {
        Some(id) if !options.ignore_caller_ids => id.clone(),
        _ => random_id()?,
    };
    let picture = picture(form.text("img")?)?;
    world.add(form.group()?.to_owned(), face.clone(), form.tag()?, picture).await?;
    Ok(json!({"faceId": face}))
}

async fn face_delete(world: &Arc<World>, form: &Form) -> Result<Value, Refusal> {
    world.remove(form.group()?.to_owned(), form.text("faceId")?.to_owned()).await?;
    Ok(json!({}))
}

fn face_query(world: &World, form: &Form) -> Result<Value, Refusal> {
    if form.text("type")? != "queryByFaceId" {
        return Err(Refusal::BadRequest("type is unknown".to_owned()));
    }
    let face = form.text("faceId")?;
    match world.face(form.group()?, face) {
        Ok(tag) => Ok(json!({"rows": [{"faceId": face, "tag": tag}]})),
        Err(Refusal::FaceMissing) => Ok(json!({"rows": []})),
        Err(e) => Err(e),
    }
}

async fn identify(world: &World, form: &Form) -> Result<Value, Refusal> {
    let hits = world.search(form.group()?, picture(form.text("img")?)?, form.number("topN", 1)).await?;
    let faces: Vec<Value> =
        hits.iter().map(|hit| json!({"faceId": hit.face, "score": hit.score, "tag": hit.tag})).collect();
    Ok(json!({"faces": faces}))
}

async fn identify_many(world: &World, form: &Form) -> Result<Value, Refusal> {
    let found = world.search_many(form.group()?, picture(form.text("img")?)?, M_N_TOP_N).await?;
    let faces = found.iter().flat_map(|(area, hits)| hits.iter().map(|hit| face_json(area, hit)));
    Ok(json!({"faces": faces.collect::<Vec<_>>()}))
}

fn face_json(area: &Rect, hit: &Hit) -> Value {
    let mut face = box_json(area);
    face["faceId"] = json!(hit.face);
    face["score"] = json!(hit.score);
    face["tag"] = json!(hit.tag);
    face
}

fn box_json(area: &Rect) -> Value {
    let [x, y, width, height] = round_box(area);
    json!({"x": x, "y": y, "width": width, "height": height})
}

async fn compare(world: &World, form: &Form) -> Result<Value, Refusal> {
    let score = world.compare(picture(form.text("imgA")?)?, picture(form.text("imgB")?)?).await?;
    Ok(json!({"score": score}))
}

async fn detect(world: &World, form: &Form) -> Result<Value, Refusal> {
    let faces = world.detect(picture(form.text("img")?)?).await?;
    Ok(json!({"faces": faces.iter().map(box_json).collect::<Vec<_>>()}))
}

async fn quality(world: &World, form: &Form) -> Result<Value, Refusal> {
    let assessed = world.assess(picture(form.text("img")?)?).await?;
    Ok(json!({"score": assessed.score}))
}

async fn feature(world: &World, form: &Form) -> Result<Value, Refusal> {
    let assessed = world.assess(picture(form.text("img")?)?).await?;
    Ok(json!({"feature": STANDARD.encode(assessed.feature)}))
}
