// What the buttons of the login page and of the page behind it do. No library, no state beside the session cookie.
"use strict";

const message = document.getElementById("message");
const say = (text) => { message.textContent = text; };

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status === 429) throw new Error("尝试过于频繁,请稍后再试");
  const answer = await response.json();
  if (!answer.flag) throw new Error(answer.message || "登录失败");
  return answer.data;
}

// Every button is off while a call is under way, and a failure is told.
async function attempt(work) {
  const buttons = document.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  say("");
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

// The server takes 2 MiB of base64, so pictures are made smaller here.
function base64Of(source, width, height) {
  const scale = Math.min(1, 1280 / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.92);
}

async function logInWithFace(image) {
  location.href = await post("/user/facelogin.json", { image });
}

const camera = document.getElementById("camera");
if (camera) {
  const take = document.getElementById("take");
  const open = document.getElementById("open-camera");
  open.addEventListener("click", () => attempt(async () => {
    if (!navigator.mediaDevices) throw new Error("此页面需通过 HTTPS 或本机访问才能使用摄像头");
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
    await camera.play();
    camera.hidden = false;
    take.hidden = false;
    open.hidden = true;
  }));
  take.addEventListener("click", () => attempt(
    () => logInWithFace(base64Of(camera, camera.videoWidth, camera.videoHeight)),
  ));
  document.getElementById("picture").addEventListener("change", (event) => attempt(async () => {
    const [file] = event.target.files;
    if (!file) return;
    const picture = await createImageBitmap(file);
    await logInWithFace(base64Of(picture, picture.width, picture.height));
  }));
  document.getElementById("password-login").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    attempt(async () => {
      location.href = await post("/user/login", Object.fromEntries(form));
    });
  });
}

const logOut = document.getElementById("log-out");
if (logOut) {
  logOut.addEventListener("click", () => attempt(async () => {
    location.href = await post("/user/logout", {});
  }));
}
