import { useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Flex, Input, Typography } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, asForm, dataOf } from "../../api/client";
import { Failure } from "../../api/failure";
import { FaceImage } from "../../common/FaceImage";
import { FailurePanel } from "../../common/states";
import { look } from "../try/acts";
import type { Look } from "../try/dialects/types";
import { FaceReport } from "../try/FaceReport";
import { PictureSlot } from "../try/PictureSlot";
import { useRun } from "../try/useRun";
import { LibrarySelect } from "./LibrarySelect";
import type { StepProperties } from "./Setup";
import { StepFrame } from "./StepFrame";

/** HTTP status of a picture that won't do. */
const WONT_DO = 422;

/** The first person, from one picture. */
export function PersonStep({ progress, made, onMade, onNext }: StepProperties) {
  const { t } = useTranslation("setup");
  const cache = useQueryClient();
  const nameId = useId();
  const { libraries, people } = progress;
  const [libraryId, setLibraryId] = useState(made.libraryId ?? libraries.at(-1)?.id ?? "");
  const [name, setName] = useState("");
  const [picture, setPicture] = useState<Blob | null>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const looked = useRun<Look>();

  const choose = (next: Blob | null) => {
    setPicture(next);
    setFailure(null);
    looked.clear();
  };
  const enrol = async () => {
    if (!picture) return;
    setIsBusy(true);
    setFailure(null);
    try {
      const params = { path: { library: libraryId } };
      const form = asForm({ name: name.trim(), file: picture });
      const person = await dataOf(api.POST("/libraries/{library}/people", { params, ...form }));
      await cache.invalidateQueries();
      onMade({ person, libraryId });
    } catch (error) {
      setFailure(error);
      if (error instanceof Failure && error.status === WONT_DO) looked.run((signal) => look(picture, signal));
    } finally {
      setIsBusy(false);
    }
  };

  const { person } = made;
  if (person) {
    const shown = person.name || t("person.nameless");
    return (
      <Flex vertical gap={16}>
        <Typography.Title level={2} style={{ fontSize: 18, margin: 0, overflowWrap: "anywhere" }}>
          {t("person.created", { name: shown })}
        </Typography.Title>
        <FaceImage library={person.libraryId} person={person.id} face={person.pictures[0]?.faceId} name={shown} size={120} />
        <Flex gap={8} wrap>
          <Button type="primary" onClick={onNext}>
            {t("next")}
          </Button>
          <Button
            onClick={() => {
              onMade({ person: undefined });
              setName("");
              choose(null);
            }}
          >
            {t("person.another")}
          </Button>
        </Flex>
      </Flex>
    );
  }
  const wontDo = failure instanceof Failure && failure.status === WONT_DO;
  const face = looked.result?.faces[0];
  return (
    <StepFrame
      title={t("person.title")}
      about={t("person.about")}
      done={people > 0 ? t("person.done", { number: people }) : null}
      another={t("person.another")}
      onNext={onNext}
    >
      {libraries.length === 0 ? (
        <Alert type="info" showIcon title={t("person.noLibrary")} />
      ) : (
        <Flex vertical gap={16}>
          {libraries.length > 1 && <LibrarySelect libraries={libraries} value={libraryId} onChange={setLibraryId} />}
          <Flex vertical gap={4} style={{ maxWidth: 420 }}>
            <label htmlFor={nameId}>
              <Typography.Text>{t("person.name")}</Typography.Text>
            </label>
            <Input id={nameId} value={name} maxLength={256} onChange={({ target }) => setName(target.value)} />
          </Flex>
          <div style={{ maxWidth: 420 }}>
            <PictureSlot picture={picture} onPicture={choose} faces={[]} isBusy={isBusy} label={t("person.picture")} />
          </div>
          {failure ? <FailurePanel failure={failure} onRetry={wontDo ? undefined : () => void enrol()} /> : null}
          {face && <FaceReport face={face} />}
          <div>
            <Button type="primary" disabled={!picture} loading={isBusy} onClick={() => void enrol()}>
              {t("person.create")}
            </Button>
          </div>
        </Flex>
      )}
    </StepFrame>
  );
}
