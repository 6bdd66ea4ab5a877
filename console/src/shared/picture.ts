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

/** Takes a picture of a video as a JPEG. */
export async function frameOf(video: HTMLVideoElement): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the camera gave no picture"))), "image/jpeg", 0.92);
  });
}

/** Whether browsers allow this page to use a camera: on https and on localhost. */
export function mayUseCamera(): boolean {
  return window.isSecureContext && navigator.mediaDevices !== undefined;
}
