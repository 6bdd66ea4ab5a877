import { useCallback, useEffect, useRef, useState } from "react";
import { api, asForm, dataOf, type Schema } from "../../api/client";

/** Pictures of a call, and bytes of a picture and of all together, that the server takes. */
export const MAX_PICTURES = 20;
export const MAX_PICTURE_BYTES = 20 << 20;
export const MAX_ALL_BYTES = 40 << 20;

/** What became of a picture when it was to be enrolled. */
export type Enrolled = { kind: "enrolled" } | { kind: "known" } | { kind: "refused"; failure: unknown };

/** A picture that waits to be enrolled. */
export interface QueuedPicture {
  key: number;
  picture: Blob;
  name: string;
  /** Quality of the face; `null` while it is being judged. */
  quality: Schema<"QualityReport"> | null;
  /** Why it can't be judged, as when there is no face in it. */
  failure: unknown;
  outcome: Enrolled | null;
}

/** Pictures to enrol. The quality of each is judged as it comes, one after the other. */
export function usePictures() {
  const [pictures, setPictures] = useState<QueuedPicture[]>([]);
  const judging = useRef(Promise.resolve());
  const keys = useRef(0);
  const isGone = useRef(false);
  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
    };
  }, []);

  const change = useCallback((key: number, changes: Partial<QueuedPicture>) => {
    setPictures((before) => before.map((picture) => (picture.key === key ? { ...picture, ...changes } : picture)));
  }, []);
  const add = useCallback(
    (picture: Blob, fallbackName: string) => {
      const key = ++keys.current;
      const name = picture instanceof File ? picture.name : fallbackName;
      setPictures((before) => [...before, { key, picture, name, quality: null, failure: null, outcome: null }]);
      const judge = async () => {
        if (isGone.current) return;
        try {
          change(key, { quality: await dataOf(api.POST("/quality", asForm({ file: picture }))) });
        } catch (failure) {
          change(key, { failure });
        }
      };
      judging.current = judging.current.then(judge);
    },
    [change],
  );
  const remove = useCallback((key: number) => setPictures((before) => before.filter((picture) => picture.key !== key)), []);
  const clear = useCallback(() => setPictures([]), []);
  const bytes = pictures.reduce((sum, { picture }) => sum + picture.size, 0);
  return { pictures, add, remove, change, clear, bytes };
}

export type Pictures = ReturnType<typeof usePictures>;
