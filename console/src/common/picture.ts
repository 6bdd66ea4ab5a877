/** Types of pictures that the server reads. */
export const PICTURE_TYPES = "image/jpeg,image/png,image/webp,image/bmp,image/gif";

/** Returns a file in base64. */
export async function base64Of(file: Blob): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error ?? new Error("the file can't be read"));
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}

const SHRUNK_PIXELS = 1280;
const JPEG_QUALITY = 0.92;

/** Returns a picture as a JPEG of at most 1280 pixels a side, upright: large enough for one face. */
export async function shrunk(picture: Blob): Promise<Blob> {
  const image = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const scale = Math.min(1, SHRUNK_PIXELS / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture can't be drawn"))), "image/jpeg", JPEG_QUALITY);
  });
}

/** Takes a picture of a video as a JPEG. */
export async function frameOf(video: HTMLVideoElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the camera gave no picture"))), "image/jpeg", JPEG_QUALITY);
  });
}

/** Whether browsers allow this page to use a camera: on https and on localhost. */
export function mayUseCamera(): boolean {
  return window.isSecureContext && navigator.mediaDevices !== undefined;
}
