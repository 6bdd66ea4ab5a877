import { FaceImage } from "../../common/FaceImage";
import { nameOf, type Person } from "./person";

interface Properties {
  person: Person;
  size: number | string;
}

/** The newest face of a person. */
export function PersonFace({ person, size }: Properties) {
  const { libraryId, id, newestFace } = person;
  return <FaceImage library={libraryId} person={id} face={newestFace?.id} name={nameOf(person)} size={size} />;
}
